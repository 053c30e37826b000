"""Random tiny language models, built in memory: no download, milliseconds each."""

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

VOCAB_SIZE = 97
WIDTH = 32

_SIZES: dict[str, Any] = {
    "vocab_size": VOCAB_SIZE,
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    # large weights, so that a wrong position or a leak between rows shows in the logits
    "initializer_range": 0.3,
}
_LLAMA_SIZES: dict[str, Any] = {
    **_SIZES,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_CONFIGS: dict[str, dict[str, Any]] = {
    "llama": _LLAMA_SIZES,
    "mistral": {**_LLAMA_SIZES, "sliding_window": 5},
    "qwen2": _LLAMA_SIZES,
    "qwen3": {**_LLAMA_SIZES, "head_dim": 16},
    "gemma": {**_LLAMA_SIZES, "head_dim": 16},
    "gemma2": {
        **_LLAMA_SIZES,
        "head_dim": 16,
        "sliding_window": 5,
        "query_pre_attn_scalar": 16,
        "attn_logit_softcapping": 3.0,
        "final_logit_softcapping": 2.0,
    },
    "gemma3_text": {**_LLAMA_SIZES, "head_dim": 16, "sliding_window": 5},
    "granite": {
        **_LLAMA_SIZES,
        "logits_scaling": 4.0,
        "embedding_multiplier": 3.0,
        "residual_multiplier": 0.5,
        "attention_multiplier": 0.3,
    },
    "cohere": {**_LLAMA_SIZES, "logit_scale": 0.25},
    "olmo2": _LLAMA_SIZES,
    "smollm3": _LLAMA_SIZES,
    "gpt2": {**_SIZES, "n_inner": 48},
    "gpt_neox": {**_SIZES, "intermediate_size": 48},
    # not in the table of model facts
    "bloom": {**_SIZES, "n_layer": 3, "n_head": 4},
    "opt": {**_SIZES, "ffn_dim": 48, "word_embed_proj_dim": WIDTH},
    "mamba": {"vocab_size": VOCAB_SIZE, "hidden_size": WIDTH, "num_hidden_layers": 2},
    "gpt_oss": {
        **_LLAMA_SIZES,
        "head_dim": 16,
        "num_local_experts": 2,
        "num_experts_per_tok": 1,
        "sliding_window": 5,
    },
}


def tiny_hf_model(model_type: str, *, seed: int = 0, **changes: Any) -> Any:
    """A random transformers causal language model of this type, float32."""
    config = AutoConfig.for_model(model_type, **{**_CONFIGS[model_type], **changes})
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config).eval()
