"""The user's cache: what can be made again from what the user has."""

import os
from pathlib import Path

CACHE_VARIABLE = "SOFTPROMPT_CACHE"


def cache_folder() -> Path:
    """`$SOFTPROMPT_CACHE`, `$XDG_CACHE_HOME/softprompt` or `~/.cache/softprompt`, made if need be.

    Raises OSError where it cannot be made.
    """
    named = os.environ.get(CACHE_VARIABLE)
    shared = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    try:
        folder = Path(named or f"{shared}/softprompt").expanduser().absolute()
    except RuntimeError as error:  # a user without a home folder
        raise OSError(str(error)) from None
    folder.mkdir(parents=True, exist_ok=True)
    return folder
