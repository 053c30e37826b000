"""Scores of completions against references. Each module names its reference implementation."""
