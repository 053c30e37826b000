"""How to get what is missing."""

import sys


def install_line() -> str:
    """The command that installs the runtime for this Python."""
    return f"{sys.executable} -m pip install 'softprompt[runtime]'"
