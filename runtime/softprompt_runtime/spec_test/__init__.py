"""The runtime's half of `spec test`: a spec tried on a tiny random model."""
