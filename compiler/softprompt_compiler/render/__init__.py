"""Diagnostics for people, tools and CI: one module an output form, each a leaf."""
