"""The header of a safetensors file: which tensors it holds, read without its weights.

The file is untrusted: its header's length is checked against the file before it is read, and every
shape and place against the bytes that are there. Format: safetensors' README, section "Format".
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import Any, cast

_MAX_HEADER = 100_000_000  # bytes; the safetensors library's own limit
_MAX_DIMS = 16
_MAX_SIZE = 1 << 63  # of a dimension, and of a place in the file
_BITS = {  # dtype -> bits of a value
    "BOOL": 8, "U8": 8, "I8": 8, "U16": 16, "I16": 16, "U32": 32, "I32": 32, "U64": 64, "I64": 64,
    "F16": 16, "BF16": 16, "F32": 32, "F64": 64, "C64": 64, "F8_E4M3": 8, "F8_E5M2": 8,
    "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6, "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
_LFS_POINTER = b"version https://git-lfs"
_DOWNLOAD = "download it again, and compare its size with where it comes from"


class SafetensorsFaultKind(StrEnum):
    """Why a safetensors file cannot be used."""

    UNREADABLE = "unreadable"
    NOT_SAFETENSORS = "not_safetensors"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"


class SafetensorsError(ValueError):
    """A safetensors file that cannot be used. `detail` is a plain sentence, `help` what to do."""

    def __init__(self, path: Path, kind: SafetensorsFaultKind, detail: str, help: str = "") -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.kind = kind
        self.detail = detail
        self.help = help


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTensor:
    """One tensor of a file. shape: torch's order, rows first. dtype: as the file spells it."""

    dtype: str
    shape: tuple[int, ...]
    num_bytes: int

    @property
    def num_values(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    name: str
    tensor: StoredTensor
    start: int  # bytes after the header
    end: int


def read_safetensors_header(path: Path) -> dict[str, StoredTensor]:
    """Tensor name -> tensor, of a file that holds all that its header promises.

    Raises SafetensorsError for what is no safetensors file, contradicts itself, or is cut off.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            head = file.read(8)
            if head == _LFS_POINTER[:8] and file.read(len(_LFS_POINTER) - 8) == _LFS_POINTER[8:]:
                raise _lfs_pointer(path)
            length = int.from_bytes(head, "little")
            _check_length(path, length, size)
            content = file.read(length)
    except OSError as error:
        detail = f"the file cannot be read: {error.strerror}"
        raise SafetensorsError(path, SafetensorsFaultKind.UNREADABLE, detail) from None
    placed = [
        _placed(path, name, entry)
        for name, entry in _entries(path, content).items()
        if name != "__metadata__"
    ]
    _check_places(path, placed, 8 + length, size)
    return {each.name: each.tensor for each in placed}


def _check_length(path: Path, length: int, size: int) -> None:
    if size == 0:
        raise SafetensorsError(path, SafetensorsFaultKind.TRUNCATED, "the file is empty", _DOWNLOAD)
    if size < 8 or length > _MAX_HEADER or length < 2:
        raise _not_safetensors(path, "it does not begin with the length of a header")
    if length > size - 8:
        raise _cut_off(path, size, f"more than {8 + length:,}")


def _entries(path: Path, content: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError):  # also a number of thousands of digits, and bytes
        value = None
    if not isinstance(value, dict):
        raise _not_safetensors(path, "its header is no JSON object with unique keys")
    return cast("dict[str, Any]", value)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice")
    return found


def _placed(path: Path, name: str, entry: Any) -> _Placed:
    fields = cast("dict[str, Any]", entry) if isinstance(entry, dict) else {}
    bits = _bits(fields.get("dtype"))
    shape = _counts(fields.get("shape"), _MAX_DIMS)
    offsets = _counts(fields.get("data_offsets"), 2)
    if bits is None or shape is None or offsets is None or len(offsets) != 2:
        raise _corrupt(path, f"the entry of the tensor `{name:.80}` is not one")
    start, end = offsets
    num_bits = prod(shape) * bits
    if num_bits % 8 or end - start != num_bits // 8:
        shown = "x".join(map(str, shape))
        what = f"{end - start} bytes for {shown:.80} values of {fields['dtype']}"
        raise _corrupt(path, f"the tensor `{name:.80}` has {what}")
    tensor = StoredTensor(dtype=fields["dtype"], shape=shape, num_bytes=end - start)
    return _Placed(name=name, tensor=tensor, start=start, end=end)


def _bits(dtype: object) -> int | None:
    return _BITS.get(dtype) if isinstance(dtype, str) else None


def _counts(value: Any, most: int) -> tuple[int, ...] | None:
    """A list of at most `most` numbers that a file can have."""
    if not isinstance(value, list) or len(cast("list[Any]", value)) > most:
        return None
    found = cast("list[Any]", value)
    if all(type(each) is int and 0 <= each < _MAX_SIZE for each in found):
        return tuple(found)
    return None


def _check_places(path: Path, placed: Iterable[_Placed], start: int, size: int) -> None:
    """Tensors lie end to end, and the file ends with the last of them."""
    ordered = sorted(placed, key=lambda each: (each.start, each.end))
    bounds = [0, *(each.end for each in ordered)]
    for each, before in zip(ordered, bounds, strict=False):
        if each.start != before:
            raise _corrupt(path, f"the tensor `{each.name:.80}` does not follow the one before it")
    wanted = start + bounds[-1]
    if size < wanted:
        raise _cut_off(path, size, f"{wanted:,}")
    if size > wanted:
        raise _corrupt(path, f"{size - wanted:,} bytes follow its last tensor")


def _lfs_pointer(path: Path) -> SafetensorsError:
    detail = "it is a pointer of Git LFS, and the file itself was never fetched"
    help = "run `git lfs pull` in the model's folder"
    return SafetensorsError(path, SafetensorsFaultKind.NOT_SAFETENSORS, detail, help)


def _not_safetensors(path: Path, why: str) -> SafetensorsError:
    detail = f"this is not a safetensors file, {why}"
    return SafetensorsError(path, SafetensorsFaultKind.NOT_SAFETENSORS, detail, _DOWNLOAD)


def _cut_off(path: Path, size: int, wanted: str) -> SafetensorsError:
    detail = f"the file has {size:,} bytes, and its header tells of {wanted}"
    return SafetensorsError(path, SafetensorsFaultKind.TRUNCATED, detail, _DOWNLOAD)


def _corrupt(path: Path, detail: str) -> SafetensorsError:
    whole = f"the file is damaged: {detail}"
    return SafetensorsError(path, SafetensorsFaultKind.CORRUPT, whole, _DOWNLOAD)
