"""SP00xx: the spec's text is not YAML, or not the part of YAML that specs are written in."""
