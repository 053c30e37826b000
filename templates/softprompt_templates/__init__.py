"""Jinja2 sources of the emitted scripts. Read through importlib.resources; no code lives here."""
