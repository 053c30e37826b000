"""SP03xx: the spec and the world (model, data) disagree."""
