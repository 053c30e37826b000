"""The weight files of a Hugging Face folder: one safetensors file, or shards with an index.

Looked for in the order in which transformers does. Pickled weights (*.bin) are not looked into.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath
from typing import Any, cast

from softprompt_plan.safetensors_header import (
    SafetensorsError,
    SafetensorsFaultKind,
    StoredTensor,
    read_safetensors_header,
)

_SINGLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_SHARDS = "model-*-of-*.safetensors"
_MAX_INDEX = 64 << 20  # bytes
_MAX_SHARDS = 10_000
_LONGEST_NAME = 200  # characters; file systems take 255 bytes


class WeightFaultKind(StrEnum):
    """What is wrong with weights."""

    CUT_OFF = "cut_off"  # a file has fewer bytes than its header tells of
    DAMAGED = "damaged"  # a file, or the index, is not what it should be
    FILE_MISSING = "file_missing"  # a shard of the index
    TENSOR_MISSING = "tensor_missing"
    SHAPE = "shape"  # a tensor contradicts the config


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightFault:
    """One fault. subject: the file or tensor; detail: a clause about it; help: what to do."""

    kind: WeightFaultKind
    subject: str
    detail: str
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class StoredWeights:
    """What the weight files of a folder hold, as far as they can be read."""

    tensors: Mapping[str, StoredTensor]
    files: tuple[str, ...]
    faults: tuple[WeightFault, ...] = ()


def read_stored_weights(folder: Path) -> StoredWeights | None:
    """The tensors of the folder's safetensors files; None if it has none. Raises nothing."""
    if (folder / _SINGLE).is_file():
        tensors, faults = _read_file(folder, _SINGLE)
        return StoredWeights(tensors=tensors, files=(_SINGLE,), faults=faults)
    if (folder / _INDEX).is_file():
        try:
            index = _read_index(folder / _INDEX)
        except ValueError as error:
            fault = WeightFault(
                kind=WeightFaultKind.DAMAGED, subject=_INDEX, detail=str(error), help=_again(_INDEX)
            )
            return StoredWeights(tensors={}, files=(_INDEX,), faults=(fault,))
        return _read_shards(folder, index)
    if any(folder.glob(_SHARDS)) and not any(folder.glob("*.bin")):
        kind, detail = WeightFaultKind.FILE_MISSING, "says which weights are in which file"
        fault = WeightFault(kind=kind, subject=_INDEX, detail=detail, help=_again(_INDEX))
        return StoredWeights(tensors={}, files=(), faults=(fault,))
    return None


def _read_index(path: Path) -> dict[str, str]:
    """Tensor -> file. Raises ValueError, a clause that says why."""
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_INDEX + 1)
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    if len(raw) > _MAX_INDEX:
        raise ValueError("it is too large for an index")
    try:
        content: Any = json.loads(raw)
    except (ValueError, RecursionError):
        raise ValueError("it is not JSON") from None
    named = cast("dict[str, Any]", content).get("weight_map") if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise ValueError("it has no `weight_map`")
    index = cast("dict[str, Any]", named)
    for name in index.values():
        if not isinstance(name, str) or not _is_plain_name(name):
            raise ValueError(f"it names {name!r:.80}, which is no file name")
    if len(set(index.values())) > _MAX_SHARDS:
        raise ValueError("it names too many files")
    return index


def _is_plain_name(file: str) -> bool:
    """Whether it can only be a file of this very folder."""
    if not 0 < len(file) < _LONGEST_NAME or not file.isprintable() or file == "..":
        return False
    return PurePath(file).name == file


def _read_shards(folder: Path, index: Mapping[str, str]) -> StoredWeights:
    files = tuple(sorted(set(index.values())))
    tensors: dict[str, StoredTensor] = {}
    faults: list[WeightFault] = []
    readable: set[str] = set()
    for file in files:
        found, broken = _read_file(folder, file)
        faults += broken
        tensors |= {name: found[name] for name in found if index.get(name) == file}
        readable |= set() if broken else {file}
    lost = [name for name, file in index.items() if name not in tensors and file in readable]
    for name in lost:
        detail = f"{index[name]} does not hold it, and the index says that it does"
        help = _again(index[name])
        kind = WeightFaultKind.TENSOR_MISSING
        faults.append(WeightFault(kind=kind, subject=name, detail=detail, help=help))
    return StoredWeights(tensors=tensors, files=files, faults=tuple(faults))


def _read_file(folder: Path, file: str) -> tuple[dict[str, StoredTensor], tuple[WeightFault, ...]]:
    try:
        if not (folder / file).is_file():
            detail = f"{_INDEX} names it"
            kind = WeightFaultKind.FILE_MISSING
            fault = WeightFault(kind=kind, subject=file, detail=detail, help=_again(file))
            return {}, (fault,)
        return read_safetensors_header(folder / file), ()
    except SafetensorsError as error:
        cut_off = error.kind is SafetensorsFaultKind.TRUNCATED
        kind = WeightFaultKind.CUT_OFF if cut_off else WeightFaultKind.DAMAGED
        fault = WeightFault(kind=kind, subject=file, detail=error.detail, help=error.help)
        return {}, (fault,)


def _again(file: str) -> str:
    return f"download `{file}` again into the model's folder"
