"""GGUF files made in the test, byte by byte."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_ALIGNMENT = 32
_STRING, _ARRAY = 8, 9


def text(value: str | bytes) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def entry(key: str, value: Any) -> bytes:
    """One metadata entry; its type follows from the value's."""
    kind, payload = _typed(value)
    return text(key) + struct.pack("<I", kind) + payload


def _typed(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return 7, struct.pack("<?", value)
    if isinstance(value, int):
        return 4, struct.pack("<I", value)
    if isinstance(value, float):
        return 6, struct.pack("<f", value)
    if isinstance(value, str | bytes):
        return _STRING, text(value)
    items = [_typed(item) for item in value]
    kind = items[0][0] if items else _STRING
    payload = b"".join(payload for _, payload in items)
    return _ARRAY, struct.pack("<IQ", kind, len(items)) + payload


def gguf_bytes(
    metadata: Mapping[str, Any] | Sequence[bytes],
    tensors: Mapping[str, tuple[int, ...]] | None = None,
    version: int = 3,
) -> bytes:
    """A whole file; tensors are float32 zeros, their shapes in ggml's order."""
    tensors = tensors or {}
    if isinstance(metadata, Mapping):
        entries = [entry(key, value) for key, value in metadata.items()]
    else:
        entries = list(metadata)
    head = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(entries)) + b"".join(entries)
    offset = 0
    for name, shape in tensors.items():
        head += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        head += struct.pack("<IQ", 0, offset)
        offset += -(-4 * _product(shape) // _ALIGNMENT) * _ALIGNMENT
    return head + b"\0" * (-len(head) % _ALIGNMENT) + b"\0" * offset


def _product(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


LLAMA: dict[str, Any] = {
    "general.architecture": "llama",
    "llama.block_count": 1,
    "llama.context_length": 64,
    "llama.embedding_length": 8,
    "llama.feed_forward_length": 12,
    "llama.attention.head_count": 2,
    "llama.attention.head_count_kv": 1,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "llama.rope.freq_base": 10000.0,
}
LLAMA_TENSORS: dict[str, tuple[int, ...]] = {
    "token_embd.weight": (8, 270),
    "output_norm.weight": (8,),
    "blk.0.attn_norm.weight": (8,),
    "blk.0.ffn_norm.weight": (8,),
    "blk.0.attn_q.weight": (8, 8),
    "blk.0.attn_k.weight": (8, 4),
    "blk.0.attn_v.weight": (8, 4),
    "blk.0.attn_output.weight": (8, 8),
    "blk.0.ffn_gate.weight": (8, 12),
    "blk.0.ffn_up.weight": (8, 12),
    "blk.0.ffn_down.weight": (12, 8),
}


def byte_level_vocabulary() -> list[str]:
    """The 256 letters of byte-level BPE, in GPT-2's order."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return [chr(byte) for byte in shown] + [chr(256 + at) for at in range(len(hidden))]


def bpe_tokenizer(pre: str | None = "smollm") -> dict[str, Any]:
    """Metadata of a byte-level BPE tokenizer of 270 tokens, the first three of them special."""
    merges = ["1 2", "h e", "l l", "Ġ Ġ", "he ll", "Ċ Ġ", "< |", "| >"]
    merged = [merge.replace(" ", "") for merge in merges]
    tokens = ["<|end|>", "<s>", "<tool>", *byte_level_vocabulary(), *merged]
    tokens += [f"[PAD{at}]" for at in range(270 - len(tokens))]
    types = [3, 3, 4] + [1] * (256 + len(merges))
    return {
        "tokenizer.ggml.model": "gpt2",
        **({} if pre is None else {"tokenizer.ggml.pre": pre}),
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": types + [5] * (270 - len(types)),
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 0,
    }


def write_gguf(
    path: Path,
    metadata: Mapping[str, Any] | None = None,
    tensors: Mapping[str, tuple[int, ...]] | None = None,
) -> Path:
    """A llama file with a tokenizer, changed by what is given (None removes a key)."""
    merged = {**LLAMA, **bpe_tokenizer(), **(metadata or {})}
    kept = {key: value for key, value in merged.items() if value is not None}
    path.write_bytes(gguf_bytes(kept, LLAMA_TENSORS if tensors is None else tensors))
    return path
