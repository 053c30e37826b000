"""Where a user's caches are, by the variables that name them."""

from collections.abc import Mapping
from pathlib import Path

CACHE_VARIABLE = "SOFTPROMPT_CACHE"


def cache_path(environment: Mapping[str, str]) -> Path:
    """`$SOFTPROMPT_CACHE`, `$XDG_CACHE_HOME/softprompt` or `~/.cache/softprompt`.

    Raises RuntimeError for a user without a home folder.
    """
    shared = environment.get("XDG_CACHE_HOME") or "~/.cache"
    named = environment.get(CACHE_VARIABLE) or f"{shared}/softprompt"
    return Path(named).expanduser().absolute()


def hub_cache_path(environment: Mapping[str, str]) -> Path:
    """huggingface_hub's cache, by the variables that it reads. Raises RuntimeError, as above."""
    if named := environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE"):
        return Path(named).expanduser()
    cache = environment.get("XDG_CACHE_HOME") or "~/.cache"
    home = environment.get("HF_HOME") or f"{cache}/huggingface"
    return Path(home).expanduser() / "hub"
