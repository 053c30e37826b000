"""What differs between model families, in one table: where their parts are, and their limits.

Paths are attribute paths from the causal language model. A model that is not in the table still
runs: its embeddings, trunk and head are found by transformers' own accessors.
"""

from dataclasses import dataclass
from functools import reduce
from typing import Any


@dataclass(frozen=True, kw_only=True)
class FamilyLayout:
    """Where the parts of a family's causal language model are."""

    trunk: str  # embeddings in, hidden states after the final norm out
    embeddings: str
    blocks: str
    final_norm: str
    head: str
    # inside a block; None where the part is fused with others
    mlp: str
    query: str | None
    attention_output: str
    # What tensor parallelism shares out: layers by their outputs, then by their inputs. The first
    # hold whole heads (`fused`: queries, then keys, then values), the last end a part of the block.
    attention: str
    by_output: tuple[str, ...]
    by_input: tuple[str, ...]
    fused: tuple[str, ...] = ()
    position_embeddings: str | None = None  # learned absolute positions


_LLAMA = FamilyLayout(
    trunk="model",
    embeddings="model.embed_tokens",
    blocks="model.layers",
    final_norm="model.norm",
    head="lm_head",
    mlp="mlp",
    query="self_attn.q_proj",
    attention_output="self_attn.o_proj",
    attention="self_attn",
    by_output=(
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "mlp.gate_proj",
        "mlp.up_proj",
    ),
    by_input=("self_attn.o_proj", "mlp.down_proj"),
)
_GPT2 = FamilyLayout(
    trunk="transformer",
    embeddings="transformer.wte",
    blocks="transformer.h",
    final_norm="transformer.ln_f",
    head="lm_head",
    mlp="mlp",
    query=None,
    attention_output="attn.c_proj",
    attention="attn",
    by_output=("mlp.c_fc",),
    by_input=("attn.c_proj", "mlp.c_proj"),
    fused=("attn.c_attn",),
    position_embeddings="transformer.wpe",
)
_GPT_NEOX = FamilyLayout(
    trunk="gpt_neox",
    embeddings="gpt_neox.embed_in",
    blocks="gpt_neox.layers",
    final_norm="gpt_neox.final_layer_norm",
    head="lm_head",
    mlp="mlp",
    query=None,
    attention_output="attention.dense",
    attention="attention",
    # queries, keys and values of a head lie together, so that whole heads are shared out
    by_output=("attention.query_key_value", "mlp.dense_h_to_4h"),
    by_input=("attention.dense", "mlp.dense_4h_to_h"),
)

# by transformers' model_type
FAMILIES: dict[str, FamilyLayout] = {
    "llama": _LLAMA,
    "mistral": _LLAMA,
    "qwen2": _LLAMA,
    "qwen3": _LLAMA,
    "gemma": _LLAMA,
    "gemma2": _LLAMA,
    "gemma3_text": _LLAMA,
    "granite": _LLAMA,
    "cohere": _LLAMA,
    "olmo2": _LLAMA,
    "smollm3": _LLAMA,
    "gpt2": _GPT2,
    "gpt_neox": _GPT_NEOX,
}


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One model's numbers, and its family's layout (None: a family that is not in the table)."""

    model_type: str
    layout: FamilyLayout | None
    num_layers: int
    width: int  # D, of the hidden states
    num_heads: int  # 1 for a model without attention
    num_kv_heads: int
    vocab_size: int  # V, rows of the head
    num_embeddings: int  # rows of the embedding
    max_positions: int | None  # None: no limit stated
    logit_scale: float  # logits = cap(head(hidden) * logit_scale)
    logit_softcap: float | None  # cap(x) = softcap * tanh(x / softcap); Gemma 2 report, section 2


def facts_of(hf_model: Any) -> ModelFacts:
    """The facts of a loaded transformers causal language model."""
    config = hf_model.config.get_text_config()
    heads = int(getattr(config, "num_attention_heads", None) or 1)
    return ModelFacts(
        model_type=str(config.model_type),
        layout=FAMILIES.get(config.model_type),
        num_layers=int(config.num_hidden_layers),
        width=int(hf_model.get_input_embeddings().weight.shape[1]),
        num_heads=heads,
        num_kv_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        vocab_size=int(hf_model.get_output_embeddings().weight.shape[0]),
        num_embeddings=int(hf_model.get_input_embeddings().weight.shape[0]),
        max_positions=getattr(config, "max_position_embeddings", None),
        logit_scale=_logit_scale(config),
        logit_softcap=getattr(config, "final_logit_softcapping", None),
    )


def part(module: Any, path: str) -> Any:
    """The submodule at an attribute path."""
    return reduce(getattr, path.split("."), module)


def _logit_scale(config: Any) -> float:
    """Granite divides its logits, Cohere multiplies them."""
    divisor = getattr(config, "logits_scaling", None)
    factor = getattr(config, "logit_scale", None)
    return (1.0 if factor is None else float(factor)) / (1.0 if divisor is None else divisor)
