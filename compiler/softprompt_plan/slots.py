"""Where the answers of slot filling have their slots: both halves look for the same line."""

import re

SLOTS_LINE = re.compile(r"^[^\S\n]*Slots:([^\n]*)", re.MULTILINE)
"""The first `Slots:` that starts a line, and what follows it there."""
