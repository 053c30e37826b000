"""Jinja2 sources of the emitted scripts and of pages. Read through importlib.resources; no code."""
