"""Metadata of a GGUF file (versions 2 and 3), read without its weights and without numpy.

The file is untrusted: every length is checked against what the file still holds before it is used.
Arrays are skipped when the file is opened and read on demand. Format: ggml's docs/gguf.md.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path

from softprompt_plan.gguf_cursor import Cursor, GgufError, GgufFaultKind, open_cursor

__all__ = [
    "BLOCKS",
    "GgufError",
    "GgufFaultKind",
    "GgufMetadata",
    "Scalar",
    "read_float32_tensor",
    "read_integers",
    "read_metadata",
    "read_texts",
]

Scalar = bool | int | float | str

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_ENTRIES = 1 << 20  # of metadata keys, and of tensors
_MAX_DIMS = 4
_BOOL, _STRING, _ARRAY = 7, 8, 9
_SCALARS = {  # value type -> struct format
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_INTEGERS = frozenset({0, 1, 2, 3, 4, 5, 10, 11})
BLOCKS = {  # ggml type -> (values of a block, bytes of a block); what is not here is not measured
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 30: (1, 2),
}  # fmt: skip
_FLOAT32 = 0


@dataclass(frozen=True, kw_only=True)
class GgufArray:
    """Where an array stands in the file."""

    element_type: int
    count: int
    offset: int  # of its first element
    end: int


@dataclass(frozen=True, kw_only=True)
class GgufTensor:
    """One tensor: `shape` in ggml's order, the fastest dimension first."""

    shape: tuple[int, ...]
    ggml_type: int
    offset: int  # in the file


@dataclass(frozen=True, kw_only=True)
class GgufMetadata:
    """All of a GGUF file but its weights; arrays by their place only."""

    path: Path
    scalars: Mapping[str, Scalar]
    arrays: Mapping[str, GgufArray]
    tensors: Mapping[str, GgufTensor]

    def text(self, key: str) -> str:
        """The text of `key`. Raises GgufError if there is none."""
        value = self.scalars.get(key)
        if not isinstance(value, str):
            raise self.missing(key, "text")
        return value

    def integer(self, key: str, default: int | None = None) -> int:
        """The number of `key`, or `default`. Raises GgufError if there is neither."""
        value = self.scalars.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.missing(key, "a whole number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """The number of `key`, or `default`. Raises GgufError if there is neither."""
        value = self.scalars.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.missing(key, "a number")
        return float(value)

    def missing(self, key: str, what: str) -> GgufError:
        """The error for a key that should hold `what`."""
        detail = f"the file's metadata has no `{key}` that is {what}"
        return GgufError(self.path, GgufFaultKind.MISSING_KEY, detail)


def read_metadata(path: Path) -> GgufMetadata:
    """The metadata and the tensor list of the file; no array and no weight is read.

    Raises GgufError for what is no GGUF file, is damaged, or ends before its last tensor.
    """
    with open_cursor(path) as cursor:
        num_tensors, num_keys = _read_head(cursor)
        scalars, arrays = _read_keys(cursor, num_keys)
        alignment = scalars.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
            raise cursor.corrupt(f"the alignment is {alignment!r}")
        tensors = dict(_read_tensors(cursor, num_tensors))
        start = -(-cursor.at // alignment) * alignment
        return GgufMetadata(
            path=path,
            scalars=scalars,
            arrays=arrays,
            tensors={name: _placed(cursor, name, start, tensors[name]) for name in tensors},
        )


def read_texts(metadata: GgufMetadata, key: str) -> list[str]:
    """The texts of the array `key`. Raises GgufError if there is no such array."""
    array = metadata.arrays.get(key)
    if array is None or array.element_type != _STRING:
        raise metadata.missing(key, "a list of texts")
    with open_cursor(metadata.path) as cursor:
        cursor.skip(array.offset)
        return cursor.texts(array.count, array.end)


def read_integers(metadata: GgufMetadata, key: str) -> list[int]:
    """The whole numbers of the array `key`. Raises GgufError if there is no such array."""
    array = metadata.arrays.get(key)
    if array is None or array.element_type not in _INTEGERS:
        raise metadata.missing(key, "a list of whole numbers")
    with open_cursor(metadata.path) as cursor:
        cursor.skip(array.offset)
        data = cursor.take(array.end - array.offset)
        return [value for (value,) in struct.iter_unpack(_SCALARS[array.element_type], data)]


def read_float32_tensor(metadata: GgufMetadata, name: str) -> list[float]:
    """The values of a small float32 tensor. Raises GgufError if it is another type or too big."""
    tensor = metadata.tensors[name]
    with open_cursor(metadata.path) as cursor:
        if tensor.ggml_type != _FLOAT32:
            raise cursor.corrupt(f"`{name}` is not float32")
        cursor.skip(tensor.offset)
        data = cursor.take(4 * prod(tensor.shape))
        return [value for (value,) in struct.iter_unpack("<f", data)]


def _read_head(cursor: Cursor) -> tuple[int, int]:
    """(number of tensors, number of metadata keys)."""
    if cursor.size < 4 or cursor.take(4) != _MAGIC:
        detail = "this is not a GGUF file: it does not begin with `GGUF`"
        raise GgufError(cursor.path, GgufFaultKind.NOT_GGUF, detail)
    version = cursor.u32()
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "little"), "big") in _VERSIONS
        named = "a big-endian file" if swapped else f"version {version}"
        detail = f"the file is {named}; GGUF versions 2 and 3, little-endian, can be read"
        raise GgufError(cursor.path, GgufFaultKind.VERSION, detail)
    num_tensors, num_keys = cursor.u64(), cursor.u64()
    if max(num_tensors, num_keys) > _MAX_ENTRIES:
        raise cursor.corrupt(f"it claims {num_tensors} tensors and {num_keys} metadata keys")
    return num_tensors, num_keys


def _read_keys(cursor: Cursor, count: int) -> tuple[dict[str, Scalar], dict[str, GgufArray]]:
    scalars: dict[str, Scalar] = {}
    arrays: dict[str, GgufArray] = {}
    for _ in range(count):
        key = cursor.text()
        if key in scalars or key in arrays:
            raise cursor.corrupt(f"the key `{key:.80}` is there twice")
        kind = cursor.u32()
        if kind == _ARRAY:
            arrays[key] = _skip_array(cursor)
        elif kind == _STRING:
            scalars[key] = cursor.text()
        else:
            scalars[key] = _scalar(cursor, kind)
    return scalars, arrays


def _scalar(cursor: Cursor, kind: int) -> Scalar:
    form = _SCALARS.get(kind)
    if form is None:
        raise cursor.corrupt(f"there is no value type {kind}")
    return struct.unpack(form, cursor.take(struct.calcsize(form)))[0]


def _skip_array(cursor: Cursor) -> GgufArray:
    element_type, count = cursor.u32(), cursor.u64()
    start = cursor.at
    if element_type == _STRING:
        cursor.skip_texts(count)
    elif element_type in _SCALARS:
        cursor.skip(struct.calcsize(_SCALARS[element_type]) * count)
    else:
        raise cursor.corrupt(f"an array's elements have the type {element_type}")
    return GgufArray(element_type=element_type, count=count, offset=start, end=cursor.at)


def _read_tensors(cursor: Cursor, count: int) -> Iterator[tuple[str, GgufTensor]]:
    """(name, tensor) with offsets still counted from the start of the weights."""
    for _ in range(count):
        name, num_dims = cursor.text(), cursor.u32()
        if not 1 <= num_dims <= _MAX_DIMS:
            raise cursor.corrupt(f"the tensor `{name:.80}` has {num_dims} dimensions")
        shape = tuple(cursor.u64() for _ in range(num_dims))
        yield name, GgufTensor(shape=shape, ggml_type=cursor.u32(), offset=cursor.u64())


def _placed(cursor: Cursor, name: str, start: int, tensor: GgufTensor) -> GgufTensor:
    """The tensor with its place in the file, all of which must be there."""
    values, num_bytes = BLOCKS.get(tensor.ggml_type, (1, 0))
    if prod(tensor.shape) % values:
        raise cursor.corrupt(f"the tensor `{name:.80}` has a broken block")
    end = start + tensor.offset + prod(tensor.shape) // values * num_bytes
    if end > cursor.size:
        raise cursor.truncated()
    offset = start + tensor.offset
    return GgufTensor(shape=tensor.shape, ggml_type=tensor.ggml_type, offset=offset)
