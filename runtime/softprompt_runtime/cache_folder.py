"""The user's cache: what can be made again from what the user has."""

import os
from pathlib import Path

from softprompt_plan.user_folders import CACHE_VARIABLE, cache_path

__all__ = ["CACHE_VARIABLE", "cache_folder"]


def cache_folder() -> Path:
    """The folder of `cache_path`, made if need be. Raises OSError where it cannot be made."""
    try:
        folder = cache_path(os.environ)
    except RuntimeError as error:  # a user without a home folder
        raise OSError(str(error)) from None
    folder.mkdir(parents=True, exist_ok=True)
    return folder
