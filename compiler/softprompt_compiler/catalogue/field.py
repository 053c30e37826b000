"""SP01xx: one field is wrong by itself."""
