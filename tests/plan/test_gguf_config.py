import math
import struct
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.gguf import GgufError, GgufFaultKind, read_metadata
from softprompt_plan.gguf_config import gguf_config, hf_tensors
from tests.tiny_gguf import LLAMA_TENSORS, gguf_bytes, write_gguf


def config_of(
    folder: Path,
    metadata: dict[str, Any] | None = None,
    tensors: dict[str, tuple[int, ...]] | None = None,
) -> dict[str, Any]:
    return gguf_config(read_metadata(write_gguf(folder / "model.gguf", metadata, tensors)))


def refusal(
    folder: Path,
    metadata: dict[str, Any] | None = None,
    tensors: dict[str, tuple[int, ...]] | None = None,
) -> str:
    with pytest.raises(GgufError) as caught:
        config_of(folder, metadata, tensors)
    assert caught.value.kind is GgufFaultKind.UNSUPPORTED
    return caught.value.detail


def of_family(family: str, changes: dict[str, Any]) -> dict[str, Any]:
    renamed = {key.replace("llama.", f"{family}."): value for key, value in changes.items()}
    return {**renamed, "general.architecture": family}


def test_a_llama_file_gives_a_llama_config(tmp_path: Path) -> None:
    assert config_of(tmp_path) == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 270,
        "hidden_size": 8,
        "intermediate_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "head_dim": 4,
        "hidden_act": "silu",
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-5,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": True,
        "attention_dropout": 0.0,
        "attention_bias": False,
        "mlp_bias": False,
        "bos_token_id": 1,
        "eos_token_id": 0,
    }


def test_an_output_layer_unties_the_embeddings(tmp_path: Path) -> None:
    config = config_of(tmp_path, tensors={**LLAMA_TENSORS, "output.weight": (8, 270)})

    assert config["tie_word_embeddings"] is False
    assert hf_tensors(config)["output.weight"].name == "lm_head.weight"


def test_key_value_heads_default_to_the_heads(tmp_path: Path) -> None:
    tensors = {**LLAMA_TENSORS, "blk.0.attn_k.weight": (8, 8), "blk.0.attn_v.weight": (8, 8)}

    config = config_of(tmp_path, {"llama.attention.head_count_kv": None}, tensors)

    assert config["num_key_value_heads"] == 2


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"general.architecture": "mamba"}, "llama, qwen2, qwen3"),
        ({"llama.expert_count": 8}, "mixture of experts"),
        ({"llama.attention.causal": False}, "encoder"),
        ({"llama.attention.sliding_window": 32}, "sliding window"),
        ({"llama.rope.dimension_count": 2}, "2 of a head's 4 dimensions"),
        ({"llama.rope.scaling.type": "yarn"}, "`yarn`"),
        ({"llama.attention.head_count": 3}, "`blk.0.attn_q.weight`"),
        ({"llama.attention.head_count": 0}, "is 0"),
        ({"llama.attention.head_count_kv": 3}, "3 key-value heads"),
        ({"llama.block_count": 2}, "`blk.1."),
        ({"llama.block_count": 2**32 - 1}, "`llama.block_count` is"),
        ({"llama.block_count": 2**24}, "16777216 layers"),
        ({"llama.rope.freq_base": 0.0}, "freq_base"),
        ({"llama.rope.freq_base": math.inf}, "freq_base"),
        ({"llama.rope.freq_base": math.nan}, "freq_base"),
    ],
)
def test_what_has_no_exact_counterpart_is_refused_by_name(
    tmp_path: Path, metadata: dict[str, Any], named: str
) -> None:
    assert named in refusal(tmp_path, metadata)


def test_a_window_as_long_as_the_context_is_no_window(tmp_path: Path) -> None:
    assert config_of(tmp_path, {"llama.attention.sliding_window": 64})["model_type"] == "llama"


@pytest.mark.parametrize(
    ("tensors", "named"),
    [
        ({"blk.0.attn_q.bias": (8,)}, "`blk.0.attn_q.bias`"),  # without the other three
        ({"blk.0.attn_output.bias": (8,)}, "`blk.0.attn_q.bias`"),
        ({"blk.0.ffn_gate_inp.weight": (8, 2)}, "`blk.0.ffn_gate_inp.weight`"),
        ({"token_embd.weight": (8,)}, "token embeddings"),
        ({"blk.0.ffn_up.weight": (12, 8)}, "(8, 12), not (12, 8)"),
    ],
)
def test_every_tensor_has_its_place(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], named: str
) -> None:
    assert named in refusal(tmp_path, tensors={**LLAMA_TENSORS, **tensors})


def test_a_missing_tensor_is_named(tmp_path: Path) -> None:
    tensors = {name: shape for name, shape in LLAMA_TENSORS.items() if "ffn_up" not in name}

    assert "`blk.0.ffn_up.weight`" in refusal(tmp_path, tensors=tensors)


def test_linear_scaling_keeps_its_factor(tmp_path: Path) -> None:
    metadata = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0}

    rope = config_of(tmp_path, metadata)["rope_parameters"]

    assert rope == {"rope_type": "linear", "rope_theta": 10000.0, "factor": 4.0}


def llama3_factors(theta: float, head_dim: int, factor: float) -> list[float]:
    """The reference formula, as transformers' modeling_rope_utils states it."""
    factors: list[float] = []
    for pair in range(0, head_dim, 2):
        wavelength = 2 * math.pi * theta ** (pair / head_dim)
        if wavelength < 8192 / 4:
            factors.append(1.0)
        elif wavelength > 8192 / 1:
            factors.append(factor)
        else:
            smooth = (8192 / wavelength - 1) / (4 - 1)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return factors


@pytest.mark.parametrize("factor", [8.0, 32.0])
def test_llama_3_scaling_is_recognised_by_its_factors(tmp_path: Path, factor: float) -> None:
    theta, head_dim = 500_000.0, 64
    metadata = {"llama.rope.freq_base": theta, "llama.attention.key_length": head_dim}
    tensors = {
        **LLAMA_TENSORS,
        "blk.0.attn_q.weight": (8, 128),
        "blk.0.attn_k.weight": (8, 64),
        "blk.0.attn_v.weight": (8, 64),
        "blk.0.attn_output.weight": (128, 8),
        "rope_freqs.weight": (32,),
    }
    path = write_gguf(tmp_path / "model.gguf", metadata, tensors)
    content = path.read_bytes()
    factors = llama3_factors(theta, head_dim, factor)
    path.write_bytes(content[:-128] + struct.pack("<32f", *factors))

    rope = gguf_config(read_metadata(path))["rope_parameters"]

    assert rope["rope_type"] == "llama3"
    assert (rope["factor"], rope["rope_theta"]) == (factor, theta)
    assert len(set(factors)) > 3  # or the smooth part was not compared


def test_unknown_rotary_factors_are_refused(tmp_path: Path) -> None:
    tensors = {**LLAMA_TENSORS, "rope_freqs.weight": (2,)}

    assert "a way of its own" in refusal(tmp_path, tensors=tensors)


def test_a_file_without_an_architecture_says_which_key_it_lacks(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf_bytes({"general.name": "x"}))

    with pytest.raises(GgufError, match=r"general\.architecture") as caught:
        gguf_config(read_metadata(path))

    assert caught.value.kind is GgufFaultKind.MISSING_KEY
