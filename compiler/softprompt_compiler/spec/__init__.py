"""The spec language as types: one file a section, every key with its range, default and meaning."""
