"""Paths of a spec: relative to its folder, with `${NAME}` or `${NAME:-default}` filled in.

Only this module reads the environment for the plan, so that a plan says the same on every machine.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from softprompt_plan.row_formats import is_hub_data

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_GLOB = re.compile(r"[*?\[]")


class UnsetVariableError(ValueError):
    """A path names an environment variable that is not set and has no default."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")
        self.name = name


def expand(text: str, environment: Mapping[str, str]) -> str:
    """`text` with its variables filled in, once: values are not scanned again.

    Raises UnsetVariableError for a variable without value and default.
    """

    def value(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        found = environment.get(name) or default
        if found is None:
            raise UnsetVariableError(name)
        return found

    return _VARIABLE.sub(value, text)


def resolve(text: str, spec_folder: Path, environment: Mapping[str, str]) -> Path:
    """The real path of a spec's path. `~` is the home folder. Raises UnsetVariableError."""
    return spec_folder / _from_home(expand(text, environment))


def resolve_files(text: str, spec_folder: Path, environment: Mapping[str, str]) -> list[Path]:
    """The files of a path or glob, sorted; one path without a glob sign is given back unread.

    Raises UnsetVariableError. A glob that matches nothing gives an empty list. A data set's split,
    `hf:NAME[split]`, is a file of this name.
    """
    if is_hub_data(expanded := expand(text, environment)):
        from softprompt_plan.hub_data import resolve_hub_data  # by the specs that name a data set

        return [resolve_hub_data(expanded, spec_folder)]
    path = resolve(text, spec_folder, environment)
    pattern = _from_home(expand(text, environment))
    if not _GLOB.search(str(pattern)) or _exists(path):
        return [path]
    # Only the spec's own text is a pattern: its folder may hold glob signs as plain text.
    base = Path(pattern.anchor) if pattern.is_absolute() else spec_folder
    relative = str(pattern.relative_to(pattern.anchor))
    try:
        return sorted(found for found in base.glob(relative) if found.is_file())
    except (OSError, ValueError):  # a name that is too long; `**` beside other letters
        return []


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _from_home(text: str) -> Path:
    """`~` filled in; `~nobody`, which is no user, is a name like any other."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)
