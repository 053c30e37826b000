"""The weights that a model of a known family has, by transformers' names: what a file must hold.

Only what every model of the family has: biases are left out, since options decide about them.
"""

from collections.abc import Iterator
from dataclasses import dataclass

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ModelSizes:
    """The numbers that decide about shapes."""

    family: str  # transformers' model_type
    width: int  # D
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    mlp_width: int  # F
    vocab_size: int  # V
    max_positions: int | None
    tied: bool


@dataclass(frozen=True, kw_only=True)
class FamilyNames:
    """How a family calls its parts. Names but `head` are of the trunk."""

    trunk: str
    embeddings: str
    blocks: str
    head: str


_LLAMA = FamilyNames(trunk="model", embeddings="embed_tokens", blocks="layers", head="lm_head")
_FAMILIES = {
    **dict.fromkeys(
        ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "granite", "smollm3"), _LLAMA
    ),
    "gpt2": FamilyNames(trunk="transformer", embeddings="wte", blocks="h", head="lm_head"),
    "gpt_neox": FamilyNames(
        trunk="gpt_neox", embeddings="embed_in", blocks="layers", head="embed_out"
    ),
}


def family_names(family: str) -> FamilyNames | None:
    """The names of a family whose weights are known."""
    return _FAMILIES.get(family)


def trunk_shapes(sizes: ModelSizes) -> Iterator[tuple[str, Shape]]:
    """(name, shape) of the trunk's weights outside its blocks. The family must be a known one."""
    names, width = _FAMILIES[sizes.family], sizes.width
    yield f"{names.embeddings}.weight", (sizes.vocab_size, width)
    match sizes.family:
        case "gpt2":
            if sizes.max_positions is not None:
                yield "wpe.weight", (sizes.max_positions, width)
            yield "ln_f.weight", (width,)
        case "gpt_neox":
            yield "final_layer_norm.weight", (width,)
        case _:
            yield "norm.weight", (width,)


def block_shapes(sizes: ModelSizes) -> Iterator[tuple[str, Shape]]:
    """(name, shape) of the weights of one block. The family must be a known one."""
    match sizes.family:
        case "gpt2":
            return _gpt2_block(sizes)
        case "gpt_neox":
            return _gpt_neox_block(sizes)
        case _:
            return _llama_block(sizes)


def _gpt2_block(sizes: ModelSizes) -> Iterator[tuple[str, Shape]]:
    """transformers' Conv1D: columns are outputs."""
    width, mlp_width = sizes.width, sizes.mlp_width
    yield "ln_1.weight", (width,)
    yield "attn.c_attn.weight", (width, 3 * width)
    yield "attn.c_proj.weight", (width, width)
    yield "ln_2.weight", (width,)
    yield "mlp.c_fc.weight", (width, mlp_width)
    yield "mlp.c_proj.weight", (mlp_width, width)


def _gpt_neox_block(sizes: ModelSizes) -> Iterator[tuple[str, Shape]]:
    width, mlp_width = sizes.width, sizes.mlp_width
    yield "input_layernorm.weight", (width,)
    yield "post_attention_layernorm.weight", (width,)
    yield "attention.query_key_value.weight", (3 * width, width)
    yield "attention.dense.weight", (width, width)
    yield "mlp.dense_h_to_4h.weight", (mlp_width, width)
    yield "mlp.dense_4h_to_h.weight", (width, mlp_width)


def _llama_block(sizes: ModelSizes) -> Iterator[tuple[str, Shape]]:
    width, mlp_width = sizes.width, sizes.mlp_width
    q_width, kv_width = sizes.num_heads * sizes.head_dim, sizes.num_kv_heads * sizes.head_dim
    yield "self_attn.q_proj.weight", (q_width, width)
    yield "self_attn.k_proj.weight", (kv_width, width)
    yield "self_attn.v_proj.weight", (kv_width, width)
    yield "self_attn.o_proj.weight", (width, q_width)
    yield "mlp.gate_proj.weight", (mlp_width, width)
    yield "mlp.up_proj.weight", (mlp_width, width)
    yield "mlp.down_proj.weight", (width, mlp_width)
    yield "input_layernorm.weight", (width,)
    yield "post_attention_layernorm.weight", (width,)
    if sizes.family == "gemma2":
        yield "pre_feedforward_layernorm.weight", (width,)
        yield "post_feedforward_layernorm.weight", (width,)
    if sizes.family == "qwen3":
        yield "self_attn.q_norm.weight", (sizes.head_dim,)
        yield "self_attn.k_norm.weight", (sizes.head_dim,)
