"""Where a base model's files are on this machine. Nothing is fetched, imported or loaded."""

import importlib.util
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from pathlib import Path, PurePath

from softprompt_plan.paths import UnsetVariableError, expand
from softprompt_plan.user_folders import hub_cache_path
from softprompt_plan.vocabulary import ModelSourceKind

_PACKAGE = "package:"
_PACKAGE_FILE = re.compile(r"package:([A-Za-z_][A-Za-z0-9_]*)/(.+\.gguf)", re.DOTALL)
_HUB_ID = re.compile(r"[\w-][\w.-]*(?:/[\w-][\w.-]*)?", re.ASCII)
_MAX_LISTED = 10_000  # names that a suggestion is looked for in
_NEMO = "NeMo checkpoints cannot be read yet; convert it to a Hugging Face folder"


class NotFoundKind(StrEnum):
    """Why there are no files to read."""

    HUB = "hub"  # no fault: a hub id that is not in this machine's cache
    MISSING = "missing"
    PACKAGE = "package"  # not installed, or not of the form package:IMPORT_NAME/FILE.gguf
    VARIABLE = "variable"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, kw_only=True)
class Located:
    """A Hugging Face folder, or a GGUF file. For a hub id the cached snapshot's folder."""

    kind: ModelSourceKind
    path: Path


@dataclass(frozen=True, kw_only=True)
class NotFound:
    """No files. `reason` is a plain sentence; `suggestions` are sources that were perhaps meant.

    package: the Python package that is not installed, where that is why. unbuilt: what is there,
    and cannot be run yet.
    """

    kind: NotFoundKind
    reason: str
    suggestions: tuple[str, ...] = ()
    package: str | None = None
    unbuilt: Located | None = None


def source_kind(
    source: str, spec_folder: Path, environment: Mapping[str, str]
) -> ModelSourceKind | None:
    """What `source` names: a folder or hub id by whether the folder is there. None: nothing."""
    found = locate_model(source, spec_folder, environment)
    if isinstance(found, NotFound):
        return ModelSourceKind.HUB if found.kind is NotFoundKind.HUB else None
    return found.kind


def locate_model(
    source: str,
    spec_folder: Path,
    environment: Mapping[str, str],
    revision: str | None = None,
) -> Located | NotFound:
    """The files of a spec's `model.source`.

    A folder, a .gguf file, `package:IMPORT_NAME/FILE.gguf`, or a hub id, looked up in the local
    Hugging Face cache. Paths are relative to `spec_folder`. Never raises for what `source` says.
    """
    try:
        text = expand(source, environment)
    except UnsetVariableError as error:
        return NotFound(kind=NotFoundKind.VARIABLE, reason=str(error))
    if "\0" in text:
        return NotFound(kind=NotFoundKind.MISSING, reason="a path holds no NUL")
    if text.startswith(_PACKAGE):
        return _in_package(text)
    try:
        path = spec_folder / Path(text).expanduser()
        if path.is_dir():
            return _folder(text, path)
        if path.is_file():
            return _file(text, path)
    except (OSError, RuntimeError) as error:  # a name that is too long; ~nobody
        return NotFound(kind=NotFoundKind.MISSING, reason=f"`{text:.200}` cannot be read: {error}")
    suggestions = _near_paths(text, spec_folder)
    if _is_hub_id(text):
        return _in_hub_cache(text, revision or "main", environment, suggestions)
    reason = f"there is no `{text:.200}`"
    return NotFound(kind=NotFoundKind.MISSING, reason=reason, suggestions=suggestions)


def _folder(text: str, folder: Path) -> Located | NotFound:
    names = sorted(entry.name for entry in islice(folder.iterdir(), _MAX_LISTED))
    if (folder / "config.json").is_file():
        return Located(kind=ModelSourceKind.FOLDER, path=folder)
    if "model_config.yaml" in names:
        return _nemo(folder)
    files = tuple(str(PurePath(text) / name) for name in names if name.endswith(".gguf"))
    reason = f"the folder `{text}` has no config.json"
    return NotFound(kind=NotFoundKind.MISSING, reason=reason, suggestions=files)


def _file(text: str, path: Path) -> Located | NotFound:
    suffix = path.suffix.lower()
    if suffix == ".gguf":
        return Located(kind=ModelSourceKind.GGUF, path=path)
    if suffix == ".nemo":
        return _nemo(path)
    reason = f"`{text}` is a file; a model is a folder with config.json, or a .gguf file"
    folder = (str(PurePath(text).parent),) if (path.parent / "config.json").is_file() else ()
    return NotFound(kind=NotFoundKind.UNSUPPORTED, reason=reason, suggestions=folder)


def _nemo(path: Path) -> NotFound:
    found = Located(kind=ModelSourceKind.NEMO, path=path)
    return NotFound(kind=NotFoundKind.UNSUPPORTED, reason=_NEMO, unbuilt=found)


def _in_package(text: str) -> Located | NotFound:
    match = _PACKAGE_FILE.fullmatch(text)
    if match is None:
        reason = f"`{text:.200}` is not of the form package:IMPORT_NAME/FILE.gguf"
        return NotFound(kind=NotFoundKind.PACKAGE, reason=reason)
    package, file = match.groups()
    folders = _package_folders(package)
    if not folders:
        reason = f"the Python package `{package}` is not installed"
        return NotFound(kind=NotFoundKind.PACKAGE, reason=reason, package=package)
    for folder in folders:
        path = (folder / file).resolve()
        if path.is_file() and path.is_relative_to(folder.resolve()):
            return Located(kind=ModelSourceKind.GGUF, path=path)
    names = [name for folder in folders for name in _gguf_files(folder)]
    near = tuple(f"{_PACKAGE}{package}/{name}" for name in _near(file, names) or names[:1])
    reason = f"the Python package `{package}` has no file `{file:.200}`"
    return NotFound(kind=NotFoundKind.MISSING, reason=reason, suggestions=near)


def _package_folders(package: str) -> list[Path]:
    """The folders of a top-level package, which is found without being imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):  # ValueError: a module that was made without a spec
        return []
    return [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]


def _gguf_files(folder: Path) -> list[str]:
    found = islice(folder.rglob("*.gguf"), _MAX_LISTED)
    return sorted(path.relative_to(folder).as_posix() for path in found)


def _is_hub_id(text: str) -> bool:
    """`org/name` or `name`; `models/x.gguf` and `x.nemo` are files, even if they are not there."""
    is_file = text.lower().endswith((".gguf", ".nemo"))
    return bool(_HUB_ID.fullmatch(text)) and not is_file and "--" not in text and ".." not in text


def _in_hub_cache(
    hub_id: str, revision: str, environment: Mapping[str, str], suggestions: tuple[str, ...]
) -> Located | NotFound:
    folder = hub_cache_path(environment) / f"models--{hub_id.replace('/', '--')}"
    name = PurePath(revision)
    if not name.is_absolute() and ".." not in name.parts:
        pointer = folder / "refs" / name
        commit = pointer.read_text(errors="replace").strip() if pointer.is_file() else revision
        snapshot = folder / "snapshots" / PurePath(commit).name
        if (snapshot / "config.json").is_file():
            return Located(kind=ModelSourceKind.HUB, path=snapshot)
    reason = f"`{hub_id}` is not a folder here, nor in the Hugging Face cache of this machine"
    return NotFound(kind=NotFoundKind.HUB, reason=reason, suggestions=suggestions)


def _near_paths(text: str, spec_folder: Path) -> tuple[str, ...]:
    """Paths like `text` whose first missing part has a neighbour with a similar name."""
    parts = PurePath(text).parts
    for count, missing in enumerate(parts):
        folder = spec_folder / Path(*parts[:count]).expanduser()
        if not (folder / missing).exists():
            near = _near(missing, _names_in(folder))
            return tuple(str(PurePath(*parts[:count], name, *parts[count + 1 :])) for name in near)
    return ()


def _names_in(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in islice(folder.iterdir(), _MAX_LISTED)]
    except OSError:
        return []


def _near(name: str, names: Iterable[str]) -> list[str]:
    from difflib import get_close_matches  # only a source that is at fault pays for it

    return get_close_matches(name, sorted(names), n=3)
