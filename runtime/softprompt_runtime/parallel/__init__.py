"""Many processes: the mesh they form, and how each takes its part of the model and of the work."""
