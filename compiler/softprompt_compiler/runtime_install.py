"""Whether the runtime is installed beside the compiler, and how to get it."""

import sys
from importlib.util import find_spec

_NEEDED = ("softprompt_runtime", "torch", "pytorch_lightning", "transformers")


def missing_packages() -> list[str]:
    """What the runtime needs and this Python has not."""
    return [name for name in _NEEDED if find_spec(name) is None]


def install_line() -> str:
    """The command that installs the runtime for this Python."""
    return f"{sys.executable} -m pip install 'softprompt[runtime]'"
