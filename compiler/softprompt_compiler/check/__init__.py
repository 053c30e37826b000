"""Rules about several fields, and about fields and the world. Each rule is one function."""
