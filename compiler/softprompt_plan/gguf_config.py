"""The Hugging Face config of the model in a GGUF file, and where each of its tensors goes.

Only what the two forms say alike is translated: a key or a tensor without an exact counterpart is
refused by name, so that a converted model computes what the file describes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from softprompt_plan.gguf import GgufError, GgufFaultKind, GgufMetadata, read_float32_tensor

_ARCHITECTURES = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
_ROPE_FACTORS = "rope_freqs.weight"
_LLAMA3_FACTORS = (8.0, 32.0)  # of Llama 3.1 and of Llama 3.2
_MAX_SIZE = 1 << 24  # of any one dimension; the file is untrusted
_INSTEAD = "use the model's Hugging Face folder instead"


@dataclass(frozen=True, kw_only=True)
class HfTensor:
    """A tensor of the Hugging Face model. `shape` is torch's order, rows first.

    permuted_heads: for llama's q and k rows, which GGUF stores with the two halves of each head's
    rotary pairs interleaved, the number of heads; else 0.
    """

    name: str
    shape: tuple[int, ...]
    permuted_heads: int = 0


def gguf_config(metadata: GgufMetadata) -> dict[str, Any]:
    """The content of config.json for the file's model.

    Raises GgufError for an architecture, an option or a tensor that has no exact counterpart.
    """
    config = _config(metadata)
    _check_tensors(metadata, config)
    return config


def hf_tensors(config: dict[str, Any]) -> dict[str, HfTensor]:
    """GGUF tensor name -> the tensor of the Hugging Face model, for a config of `gguf_config`."""
    width, vocab_size = config["hidden_size"], config["vocab_size"]
    found = {
        "token_embd.weight": HfTensor(name="model.embed_tokens.weight", shape=(vocab_size, width)),
        "output_norm.weight": HfTensor(name="model.norm.weight", shape=(width,)),
    }
    if not config["tie_word_embeddings"]:
        found["output.weight"] = HfTensor(name="lm_head.weight", shape=(vocab_size, width))
    for layer in range(config["num_hidden_layers"]):
        for name, tensor in _layer_tensors(config):
            hf_name = f"model.layers.{layer}.{tensor.name}"
            shape, heads = tensor.shape, tensor.permuted_heads
            found[f"blk.{layer}.{name}"] = HfTensor(name=hf_name, shape=shape, permuted_heads=heads)
    return found


def _config(metadata: GgufMetadata) -> dict[str, Any]:
    arch = metadata.text("general.architecture")
    if arch not in _ARCHITECTURES:
        known = ", ".join(_ARCHITECTURES)
        raise _unsupported(metadata, f"the architecture is `{arch:.80}`; {known} can be read")
    _refuse_options(metadata, arch)
    num_heads = _size(metadata, f"{arch}.attention.head_count")
    num_kv_heads = _size(metadata, f"{arch}.attention.head_count_kv", num_heads)
    width = _size(metadata, f"{arch}.embedding_length")
    head_dim = _size(metadata, f"{arch}.attention.key_length", width // num_heads)
    if num_heads % num_kv_heads or head_dim % 2:
        detail = f"it has {num_heads} heads of {head_dim} and {num_kv_heads} key-value heads"
        raise _unsupported(metadata, detail)
    config: dict[str, Any] = {
        "architectures": [_ARCHITECTURES[arch]],
        "model_type": arch,
        "vocab_size": _vocab_size(metadata),
        "hidden_size": width,
        "intermediate_size": _size(metadata, f"{arch}.feed_forward_length"),
        "num_hidden_layers": _size(metadata, f"{arch}.block_count"),
        "num_attention_heads": num_heads,
        "num_key_value_heads": num_kv_heads,
        "head_dim": head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": _size(metadata, f"{arch}.context_length"),
        "rms_norm_eps": _measure(metadata, f"{arch}.attention.layer_norm_rms_epsilon"),
        "rope_parameters": _rope(metadata, arch, head_dim),
        "tie_word_embeddings": "output.weight" not in metadata.tensors,
        "attention_dropout": 0.0,
    }
    if arch != "qwen2":  # its q, k and v always have a bias, and its o never
        config["attention_bias"] = "blk.0.attn_output.bias" in metadata.tensors
    if arch == "llama":
        config["mlp_bias"] = "blk.0.ffn_down.bias" in metadata.tensors
    return config | _token_ids(metadata)


def _token_ids(metadata: GgufMetadata) -> dict[str, int]:
    keys = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    found = {key: f"tokenizer.ggml.{name}_token_id" for key, name in keys.items()}
    return {key: metadata.integer(name) for key, name in found.items() if name in metadata.scalars}


def _refuse_options(metadata: GgufMetadata, arch: str) -> None:
    scalars = metadata.scalars
    if scalars.get(f"{arch}.expert_count"):
        raise _unsupported(metadata, "the model is a mixture of experts")
    if scalars.get(f"{arch}.attention.causal") is False:
        raise _unsupported(metadata, "the model is an encoder, not a language model")
    window = metadata.integer(f"{arch}.attention.sliding_window", 0)
    if 0 < window < metadata.integer(f"{arch}.context_length"):
        raise _unsupported(metadata, "the model attends through a sliding window")


def _vocab_size(metadata: GgufMetadata) -> int:
    embeddings = metadata.tensors.get("token_embd.weight")
    if embeddings is None or len(embeddings.shape) != 2:
        raise _unsupported(metadata, "the file has no token embeddings (`token_embd.weight`)")
    return embeddings.shape[1]


def _rope(metadata: GgufMetadata, arch: str, head_dim: int) -> dict[str, Any]:
    """`rope_parameters`: plain, linear, or Llama 3.1's scaling, recognised by its factors."""
    theta = _measure(metadata, f"{arch}.rope.freq_base", 10_000.0)
    rotated = metadata.integer(f"{arch}.rope.dimension_count", head_dim)
    scaling = metadata.scalars.get(f"{arch}.rope.scaling.type", "none")
    if rotated != head_dim:
        raise _unsupported(metadata, f"{rotated} of a head's {head_dim} dimensions are rotated")
    if _ROPE_FACTORS in metadata.tensors:
        return {"rope_theta": theta} | _llama3(metadata, theta, head_dim)
    if scaling == "none":
        return {"rope_type": "default", "rope_theta": theta}
    if scaling == "linear":
        factor = _measure(metadata, f"{arch}.rope.scaling.factor")
        return {"rope_type": "linear", "rope_theta": theta, "factor": factor}
    raise _unsupported(metadata, f"the rotary embedding is scaled by `{scaling!s:.40}`")


def _llama3(metadata: GgufMetadata, theta: float, head_dim: int) -> dict[str, Any]:
    found = read_float32_tensor(metadata, _ROPE_FACTORS)
    for factor in _LLAMA3_FACTORS:
        scaling = {
            "rope_type": "llama3",
            "factor": factor,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        }
        wanted = list(_llama3_factors(theta, head_dim, factor))
        pairs = zip(found, wanted, strict=False)
        if len(found) == len(wanted) and all(math.isclose(a, b, rel_tol=1e-4) for a, b in pairs):
            return scaling
    raise _unsupported(metadata, "the rotary embedding is scaled in a way of its own")


def _llama3_factors(theta: float, head_dim: int, factor: float) -> Iterator[float]:
    """By how much each rotary frequency is divided, as llama.cpp's converter writes it."""
    for pair in range(0, head_dim, 2):
        wavelength = 2 * math.pi * theta ** (pair / head_dim)
        smooth = min(max((8192 / wavelength - 1.0) / 3.0, 0.0), 1.0)
        yield 1 / ((1 - smooth) / factor + smooth)


def _size(metadata: GgufMetadata, key: str, default: int | None = None) -> int:
    """A count that a model can have."""
    value = metadata.integer(key, default)
    if not 0 < value <= _MAX_SIZE:
        raise _unsupported(metadata, f"`{key}` is {value}")
    return value


def _measure(metadata: GgufMetadata, key: str, default: float | None = None) -> float:
    """A positive number as somebody wrote it, from its float32: 1e-05, not 9.99999974e-06."""
    value = metadata.number(key, default)
    if not 0.0 < value < math.inf:
        raise _unsupported(metadata, f"`{key}` is {value}")
    return float(f"{value:.7g}")


def _layer_tensors(config: dict[str, Any]) -> Iterator[tuple[str, HfTensor]]:
    """(GGUF name, tensor) of one layer, both without the layer's prefix."""
    width, mlp_width = config["hidden_size"], config["intermediate_size"]
    num_heads, num_kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim, family = config["head_dim"], config["model_type"]
    permuted = family == "llama"
    q_width, kv_width = num_heads * head_dim, num_kv_heads * head_dim
    qkv_bias = family == "qwen2" or config.get("attention_bias", False)
    o_bias, mlp_bias = config.get("attention_bias", False), config.get("mlp_bias", False)
    linears = (
        ("attn_q", "self_attn.q_proj", (q_width, width), qkv_bias, num_heads * permuted),
        ("attn_k", "self_attn.k_proj", (kv_width, width), qkv_bias, num_kv_heads * permuted),
        ("attn_v", "self_attn.v_proj", (kv_width, width), qkv_bias, 0),
        ("attn_output", "self_attn.o_proj", (width, q_width), o_bias, 0),
        ("ffn_gate", "mlp.gate_proj", (mlp_width, width), mlp_bias, 0),
        ("ffn_up", "mlp.up_proj", (mlp_width, width), mlp_bias, 0),
        ("ffn_down", "mlp.down_proj", (width, mlp_width), mlp_bias, 0),
    )
    for name, hf_name, shape, bias, heads in linears:
        weight = HfTensor(name=f"{hf_name}.weight", shape=shape, permuted_heads=heads)
        yield f"{name}.weight", weight
        if bias:
            rows = shape[:1]
            yield f"{name}.bias", HfTensor(name=f"{hf_name}.bias", shape=rows, permuted_heads=heads)
    norms = [
        ("attn_norm", "input_layernorm", width),
        ("ffn_norm", "post_attention_layernorm", width),
    ]
    if family == "qwen3":
        norms += [(f"attn_{x}_norm", f"self_attn.{x}_norm", head_dim) for x in "qk"]
    for name, hf_name, size in norms:
        yield f"{name}.weight", HfTensor(name=f"{hf_name}.weight", shape=(size,))


def _check_tensors(metadata: GgufMetadata, config: dict[str, Any]) -> None:
    """Every tensor of the file has its place in the model, and every place its tensor."""
    family = config["model_type"]
    num_layers = config["num_hidden_layers"]
    if not 0 < num_layers <= len(metadata.tensors):
        raise _unsupported(metadata, f"it claims {num_layers} layers")
    wanted = hf_tensors(config)
    for name in metadata.tensors:
        if name not in wanted and name != _ROPE_FACTORS:
            raise _unsupported(metadata, f"a {family} model has no tensor `{name:.80}`")
    for name, tensor in wanted.items():
        if name not in metadata.tensors:
            raise _unsupported(metadata, f"the file has no tensor `{name}`")
        shape = metadata.tensors[name].shape[::-1]
        if shape != tensor.shape:
            detail = f"the tensor `{name}` has the shape {shape}, not {tensor.shape}"
            raise _unsupported(metadata, detail)


def _unsupported(metadata: GgufMetadata, detail: str) -> GgufError:
    return GgufError(metadata.path, GgufFaultKind.UNSUPPORTED, detail, _INSTEAD)
