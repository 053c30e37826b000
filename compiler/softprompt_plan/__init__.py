"""The contract of compiler and runtime: plan, templates, tokenization, rows. Only stdlib."""
