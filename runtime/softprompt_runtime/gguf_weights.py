"""The weights of a GGUF file as float32, a few rows at a time."""

from collections.abc import Iterator
from math import prod
from typing import Any

import gguf
import numpy as np
from gguf.quants import dequantize
from numpy.typing import NDArray

from softprompt_plan.gguf import GgufError, GgufFaultKind, GgufMetadata
from softprompt_plan.gguf_config import HfTensor
from softprompt_runtime.safetensors_stream import Float32Array

_CHUNK_VALUES = (
    1 << 20
)  # values turned into float32 at a time: 4 MiB, and as much again while at it


def float32_rows(metadata: GgufMetadata, name: str, target: HfTensor) -> Iterator[Float32Array]:
    """The tensor's rows in the order of the Hugging Face model, in pieces of some rows.

    Raises GgufError for a quantization that the gguf library does not read.
    """
    rows_bytes, quantization = _rows(metadata, name)
    if target.permuted_heads:
        rows_bytes = rows_bytes[_row_order(len(rows_bytes), target.permuted_heads)]
    values_of_row = prod(target.shape) // len(rows_bytes)
    step = max(1, _CHUNK_VALUES // values_of_row)
    for start in range(0, len(rows_bytes), step):
        try:
            values: Any = dequantize(rows_bytes[start : start + step], quantization)
        except NotImplementedError:
            detail = f"the tensor `{name}` is quantized as {quantization.name}"
            help = "use a file of another quantization, such as Q8_0 or Q4_K"
            kind = GgufFaultKind.UNSUPPORTED
            raise GgufError(metadata.path, kind, detail, help) from None
        yield values


def _rows(metadata: GgufMetadata, name: str) -> tuple[NDArray[np.uint8], Any]:
    """The tensor's bytes, one row a row, without reading them; and how they are to be read."""
    tensor = metadata.tensors[name]
    try:
        quantization = gguf.GGMLQuantizationType(tensor.ggml_type)
    except ValueError:
        detail = f"the tensor `{name}` has the unknown type {tensor.ggml_type}"
        raise GgufError(metadata.path, GgufFaultKind.UNSUPPORTED, detail) from None
    values_of_block, bytes_of_block = gguf.GGML_QUANT_SIZES[quantization]
    # A vector is a row a value, so that biases are reordered like rows; its blocks hold one value.
    is_vector = len(tensor.shape) == 1 and values_of_block == 1
    values_of_row = 1 if is_vector else tensor.shape[0]
    shape = (prod(tensor.shape) // values_of_row, values_of_row // values_of_block * bytes_of_block)
    if values_of_row % values_of_block:
        detail = f"the file is damaged: the rows of `{name}` are no whole blocks"
        raise GgufError(metadata.path, GgufFaultKind.CORRUPT, detail)
    mapped = np.memmap(metadata.path, np.uint8, mode="r", offset=tensor.offset, shape=shape)
    return mapped, quantization


def _row_order(num_rows: int, num_heads: int) -> NDArray[np.intp]:
    """Rows of the file in the model's order: within a head, first all even rows, then all odd ones.

    llama.cpp's rotary embedding turns neighbours (2i, 2i + 1), transformers' turns (i, i + d / 2);
    convert_hf_to_gguf.py (LlamaModel.permute) went the other way.
    """
    pairs = np.arange(num_rows).reshape(num_heads, -1, 2)
    return pairs.swapaxes(1, 2).reshape(-1)
