"""What a spec speaks of and does not hold: files, the model, environment variables.

The pipeline reads the world only through `World`, so that a test can make one up.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, final

from softprompt_compiler.facts import ModelFacts, read_model_facts
from softprompt_plan.model_source import Located, NotFound, locate_model
from softprompt_plan.paths import resolve, resolve_files
from softprompt_plan.row_formats import is_hub_data

if TYPE_CHECKING:
    from softprompt_plan.tokenizer_file import TokenizerFile

_CHUNK = 1 << 20  # bytes


class World(Protocol):
    """The world that a spec is checked against."""

    def path(self, text: str) -> Path:
        """The real path of a spec's path. Raises UnsetVariableError."""
        ...

    def files(self, text: str) -> tuple[Path, ...]:
        """The files of a path or glob, sorted; a plain path is given back whether it exists or not.

        Raises UnsetVariableError.
        """
        ...

    def shown(self, path: Path) -> str:
        """A path as messages show it."""
        ...

    def is_file(self, path: Path) -> bool:
        """Whether a file is there."""
        ...

    def is_folder(self, path: Path) -> bool:
        """Whether a folder is there."""
        ...

    def names_in(self, folder: Path) -> tuple[str, ...]:
        """What a folder holds; nothing if it cannot be read."""
        ...

    def names_under(self, folder: Path) -> tuple[str, ...]:
        """The files of a folder and of the folders in it, by their names from there, sorted."""
        ...

    def digest(self, path: Path) -> str:
        """sha256 of a file's bytes. Raises OSError."""
        ...

    def fingerprint(self, source: Path) -> str | None:
        """Tells the content of a data set's split from any other; None if it cannot be opened."""
        ...

    def read(self, path: Path, most: int) -> bytes:
        """The first `most` bytes of a file. Raises OSError."""
        ...

    def locate_model(self, source: str, revision: str | None) -> Located | NotFound:
        """The files of a `model.source`."""
        ...

    def model_facts(self, model: Located) -> ModelFacts:
        """The numbers of a located model. Raises ModelFactsError."""
        ...

    def tokenizer(self, path: Path) -> "TokenizerFile":
        """The tokenizer of a located model. Raises TokenizerError."""
        ...


@final
@dataclass(frozen=True, kw_only=True)
class LocalWorld:
    """This machine, seen from the spec's folder. A tokenizer is read once."""

    spec_folder: Path
    environment: Mapping[str, str]
    _tokenizers: "dict[Path, TokenizerFile]" = field(
        default_factory=dict["Path", "TokenizerFile"], init=False, repr=False, compare=False
    )

    def path(self, text: str) -> Path:
        """See World."""
        return resolve(text, self.spec_folder, self.environment)

    def files(self, text: str) -> tuple[Path, ...]:
        """See World."""
        return tuple(resolve_files(text, self.spec_folder, self.environment))

    def shown(self, path: Path) -> str:
        """See World. From the working folder, where the path leads into it."""
        return _shown_data(path) if is_hub_data(str(path)) else str(_from_here(path))

    def is_file(self, path: Path) -> bool:
        """See World."""
        try:
            return path.is_file()
        except OSError:  # a name that is too long, a folder that must not be looked into
            return False

    def is_folder(self, path: Path) -> bool:
        """See World."""
        try:
            return path.is_dir()
        except OSError:
            return False

    def names_in(self, folder: Path) -> tuple[str, ...]:
        """See World."""
        try:
            return tuple(sorted(entry.name for entry in folder.iterdir()))
        except OSError:
            return ()

    def names_under(self, folder: Path) -> tuple[str, ...]:
        """See World. Names with a leading dot are passed over, as the datasets library does."""
        names = [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()]
        hidden = {name for name in names if any(part.startswith(".") for part in name.parts)}
        return tuple(sorted(name.as_posix() for name in names if name not in hidden))

    def digest(self, path: Path) -> str:
        """See World."""
        sha = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                sha.update(chunk)
        return sha.hexdigest()

    def fingerprint(self, source: Path) -> str | None:
        """See World."""
        from softprompt_compiler.tables import open_table  # by those who read data sets
        from softprompt_plan.tables import TableError

        try:
            return open_table(source).fingerprint
        except TableError:
            return None

    def read(self, path: Path, most: int) -> bytes:
        """See World."""
        with path.open("rb") as file:
            return file.read(most)

    def locate_model(self, source: str, revision: str | None) -> Located | NotFound:
        """See World."""
        return locate_model(source, self.spec_folder, self.environment, revision)

    def model_facts(self, model: Located) -> ModelFacts:
        """See World."""
        return read_model_facts(model)

    def tokenizer(self, path: Path) -> "TokenizerFile":
        """See World."""
        if path not in self._tokenizers:
            from softprompt_plan.tokenizer_file import read_tokenizer  # by those who read it

            self._tokenizers[path] = read_tokenizer(path)
        return self._tokenizers[path]


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _shown_data(source: Path) -> str:
    """The text of a data set, where it is a folder with its path from the working folder."""
    from softprompt_plan.hub_data import HubData, parse_hub_data

    data = parse_hub_data(str(source))
    if not isinstance(data, HubData) or not data.is_folder:
        return str(_from_here(source))
    folder = _from_here(Path(data.name))
    name = str(folder) if folder.is_absolute() else f"./{folder}"
    return str(replace(data, name=name))
