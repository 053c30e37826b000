"""SP02xx: several fields disagree."""
