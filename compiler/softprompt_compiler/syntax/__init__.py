"""What PyYAML says about a text that is not YAML -> what its author should know."""
