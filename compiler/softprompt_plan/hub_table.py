"""A split of a data set as a table. The datasets library is handed in."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast, final

from softprompt_plan.hub_data import HubData, HubDataFault, parse_hub_data
from softprompt_plan.row_fault import RowFaultKind
from softprompt_plan.tables import Batch, Table, TableError, first_line

_BATCH = 1024  # rows of a batch
_FOLDERS = "softprompt_folders"  # in the library's cache
_SAVED = ("dataset_dict.json", "state.json")  # what `save_to_disk` writes
_NOT_CACHED = "Couldn't find cache"  # how the library begins what it says of a configuration


def open_hub_data(source: Path, datasets: Any) -> Table:
    """The split that `source` names. datasets: the module. Raises TableError.

    The library reads files of known formats only, and runs no code of a data set. It downloads
    what is not in its cache, unless it is told to stay offline.
    """
    data = parse_hub_data(str(source))
    if isinstance(data, HubDataFault):
        raise TableError(RowFaultKind.UNREADABLE, f"{data.detail}; {data.help}")
    datasets.disable_progress_bars()
    datasets.logging.set_verbosity(logging.CRITICAL)  # faults come as exceptions; we tell them
    try:
        return _HubTable(_load(data, datasets))
    except TableError:
        raise
    except Exception as error:  # of any library that reads one of its formats
        raise _failure(data, error) from None


def _load(data: HubData, datasets: Any) -> Any:
    if not data.is_folder:
        # With this prefix a folder of the same name in the working folder is not taken for it.
        return datasets.load_dataset(f"hf://datasets/{data.name}", data.config, split=data.split)
    folder = Path(data.name)
    if not folder.is_dir():
        raise TableError(RowFaultKind.MISSING_FILE, "there is no such folder")
    if any((folder / name).is_file() for name in _SAVED):
        return _load_saved(folder, data, datasets)
    # In a cache of its own: the library would take it for a data set of the hub that has its name.
    cache = str(Path(datasets.config.HF_DATASETS_CACHE) / _FOLDERS)
    return datasets.load_dataset(str(folder), data.config, split=data.split, cache_dir=cache)


def _load_saved(folder: Path, data: HubData, datasets: Any) -> Any:
    """A split of what `save_to_disk` wrote: several splits by their names, or a single one."""
    if data.config is not None:
        detail = f"a saved folder has no configurations; leave `:{data.config}` out"
        raise TableError(RowFaultKind.UNREADABLE, detail)
    saved = datasets.load_from_disk(str(folder))
    if not isinstance(saved, dict):
        saved = {str(saved.split or "train"): saved}
    splits = cast("Mapping[str, Any]", saved)
    sizes = {name: len(split) for name, split in splits.items()}
    parts = datasets.ReadInstruction.from_spec(data.split).to_absolute(sizes)
    chosen = [splits[part.splitname].select(range(part.from_, part.to)) for part in parts]
    return chosen[0] if len(chosen) == 1 else datasets.concatenate_datasets(chosen)


def _failure(data: HubData, error: Exception) -> TableError:
    said = first_line(error)
    if isinstance(error, ConnectionError) or said.startswith(_NOT_CACHED):
        detail = (
            "it is not in the cache of the datasets library on this machine, and the Hugging Face "
            "hub cannot be reached"
        )
        return TableError(RowFaultKind.NOT_HERE, detail)
    if isinstance(error, FileNotFoundError) and not data.is_folder:
        return TableError(RowFaultKind.MISSING_FILE, said)
    cause = error.__cause__  # what went wrong in a file; the error itself says only that one did
    known = f"{said}: {first_line(cause)}" if cause is not None else said
    return TableError(RowFaultKind.UNREADABLE, known)


@final
class _HubTable:
    def __init__(self, split: Any) -> None:
        self._split = split
        self.columns: tuple[str, ...] = tuple(split.column_names)
        self.num_rows: int = len(split)
        self.fingerprint: str | None = split._fingerprint  # there is no public name for it

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """See Table. Raises TableError for what the library cannot read."""
        rows = self._split.select_columns(list(columns))
        features = rows.features
        try:
            for batch in rows.with_format("arrow").iter(_BATCH):
                yield _Decoded(batch, features) if _is_encoded(features) else batch
        except Exception as error:  # see open_hub_data
            raise TableError(RowFaultKind.UNREADABLE, first_line(error)) from None

    def close(self) -> None:
        """See Table. The cache's files are mapped; who last uses them unmaps them."""


def _is_encoded(features: Any) -> bool:
    """Whether a column is not kept as what it is: labels as numbers, values of any type as JSON."""
    return any(sign in repr(features) for sign in ("ClassLabel(", "Json("))


@final
class _Decoded:
    """A batch with names for class labels, and the values that were kept as JSON text."""

    def __init__(self, batch: Batch, features: Any) -> None:
        self._batch = batch
        self._features = features

    @property
    def num_rows(self) -> int:
        """See Batch."""
        return self._batch.num_rows

    def slice(self, offset: int, length: int, /) -> "_Decoded":
        """See Batch."""
        return _Decoded(self._batch.slice(offset, length), self._features)

    def to_pylist(self) -> list[dict[str, Any]]:
        """See Batch."""
        return [self._row(row) for row in self._batch.to_pylist()]

    def _row(self, stored: dict[str, Any]) -> dict[str, Any]:
        row = cast("dict[str, Any]", self._features.decode_example(stored))
        for column, feature in self._features.items():
            if type(feature).__name__ == "ClassLabel":
                row[column] = _label(row[column], feature.names)
        return row


def _label(number: object, names: Sequence[str]) -> str | None:
    """The name of a class label; None for no label, which the library keeps as -1."""
    return names[number] if isinstance(number, int) and 0 <= number < len(names) else None
