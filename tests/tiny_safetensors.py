"""safetensors files made in the test, byte by byte; all weights are zeros."""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

Shapes = Mapping[str, tuple[int, ...]]
_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "I64": 8, "U8": 1}


def header_of(shapes: Shapes, dtype: str = "F32") -> dict[str, Any]:
    """The header of a file with these tensors, end to end."""
    entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, shape in shapes.items():
        end = start + prod(shape) * _BYTES[dtype]
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}
        start = end
    return entries


def safetensors_bytes(header: Mapping[str, Any]) -> bytes:
    """A file of this header, and of as many zeros as its last tensor ends at."""
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    num_bytes = max((entry["data_offsets"][1] for entry in entries), default=0)
    return file_bytes(json.dumps(header).encode(), num_bytes)


def file_bytes(header: bytes, num_bytes: int) -> bytes:
    """A file of any header, sound or not, before `num_bytes` zeros."""
    return len(header).to_bytes(8, "little") + header + bytes(num_bytes)


def described_safetensors(text: str) -> bytes:
    """The file that a page tells of: `{"tensors": {NAME: SHAPE}, "cut_off_at": BYTES}`."""
    described = json.loads(text)
    content = safetensors_bytes(header_of(described["tensors"]))
    return content[: described.get("cut_off_at")]


def llama_shapes(config: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """The tensors of a Llama-shaped model with an output layer of its own."""
    width, mlp_width = config["hidden_size"], config["intermediate_size"]
    kv_width = width * config["num_key_value_heads"] // config["num_attention_heads"]
    shapes = {
        "model.embed_tokens.weight": (config["vocab_size"], width),
        "model.norm.weight": (width,),
        "lm_head.weight": (config["vocab_size"], width),
    }
    for layer in range(config["num_hidden_layers"]):
        block = {
            "input_layernorm": (width,),
            "self_attn.q_proj": (width, width),
            "self_attn.k_proj": (kv_width, width),
            "self_attn.v_proj": (kv_width, width),
            "self_attn.o_proj": (width, width),
            "post_attention_layernorm": (width,),
            "mlp.gate_proj": (mlp_width, width),
            "mlp.up_proj": (mlp_width, width),
            "mlp.down_proj": (width, mlp_width),
        }
        shapes |= {f"model.layers.{layer}.{name}.weight": shape for name, shape in block.items()}
    return shapes


def write_llama_weights(path: Path, config: Mapping[str, Any]) -> None:
    """The whole weights of a Llama-shaped model, in one file."""
    path.write_bytes(safetensors_bytes(header_of(llama_shapes(config))))
