"""Compiles a YAML task spec into training, evaluation and launch scripts for prompt learning."""

__version__ = "0.1.0"
