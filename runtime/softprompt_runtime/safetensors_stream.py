"""A safetensors file written tensor by tensor, so that a model need not fit into memory."""

import json
from collections.abc import Callable, Iterable, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from softprompt_runtime.atomic_write import stream_atomically

Float32Array = NDArray[np.float32]
_ALIGNMENT = 8  # bytes; where the header ends
_VALUE = 4  # bytes of a float32


def stream_float32(
    path: Path,
    shapes: Mapping[str, tuple[int, ...]],
    chunks_of: Callable[[str], Iterable[Float32Array]],
) -> None:
    """Write the tensors of `shapes` in its order; `chunks_of` gives a tensor's values in pieces.

    Readers see the whole file or none. Raises ValueError where the pieces are not as many values
    as the shape, and OSError. Format: safetensors' README, section "Format".
    """
    stream_atomically(path, lambda file: _write(file, shapes, chunks_of))


def _write(
    file: BinaryIO,
    shapes: Mapping[str, tuple[int, ...]],
    chunks_of: Callable[[str], Iterable[Float32Array]],
) -> None:
    header = _header(shapes)
    file.write(len(header).to_bytes(8, "little"))
    file.write(header)
    for name, shape in shapes.items():
        num_values = 0
        for chunk in chunks_of(name):
            num_values += chunk.size
            file.write(np.ascontiguousarray(chunk, dtype="<f4").data)
        if num_values != prod(shape):
            raise ValueError(f"{name} has {num_values} values, not {prod(shape)}")


def _header(shapes: Mapping[str, tuple[int, ...]]) -> bytes:
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, shape in shapes.items():
        end = start + prod(shape) * _VALUE
        entries[name] = {"dtype": "F32", "shape": shape, "data_offsets": (start, end)}
        start = end
    text = json.dumps(entries).encode()
    return text + b" " * (-len(text) % _ALIGNMENT)
