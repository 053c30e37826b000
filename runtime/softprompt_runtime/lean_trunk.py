"""The trunk of plain Llama-shaped models for training a prompt: less memory, the same numbers.

It calls the model's own linear layers in the order of transformers' LlamaModel. What differs: the
parts between them keep less for the backward pass (frozen_kernels.py), and after its attention
the last block computes the wanted positions only. The model itself is not changed. Of a model that
is shared out over processes it runs the own part of each layer, and meets the others itself.

Shapes: L packed tokens, N wanted positions, D width, H query heads, G key/value heads, E width of
a head.
"""

from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from softprompt_plan.vocabulary import ActivationsCheckpoint
from softprompt_runtime.activation_checkpoint import recomputed
from softprompt_runtime.frozen_kernels import rms_norm, rotate, silu_gate
from softprompt_runtime.packed_attention import AttentionForm, Rows, attend_rows
from softprompt_runtime.parallel.regions import Region

# transformers' model types whose blocks are exactly: norm, rotary attention, norm, SwiGLU
_MODEL_TYPES = {"llama", "mistral", "qwen2", "qwen3"}


def is_lean(hf_model: Any) -> bool:
    """Whether `lean_hidden_states` computes this model's trunk."""
    config = hf_model.config.get_text_config()
    return config.model_type in _MODEL_TYPES and config.hidden_act == "silu"


@dataclass(frozen=True, kw_only=True)
class LeanRun:
    """One pass over some segments of a packed batch; the same for all of its blocks."""

    rotation: tuple[Tensor, Tensor]  # cosines and sines, (L, 1, E) each
    rows: Rows
    checkpoint: ActivationsCheckpoint
    region: Region

    @staticmethod
    def of(
        trunk: Any,
        embeddings_LD: Tensor,
        position_ids_L: Tensor,
        rows: Rows,
        checkpoint: ActivationsCheckpoint,
        region: Region,
    ) -> "LeanRun":
        """The pass of these positions through this trunk."""
        cos_1LE, sin_1LE = trunk.rotary_emb(embeddings_LD[None], position_ids_L[None])
        rotation = (cos_1LE.transpose(0, 1), sin_1LE.transpose(0, 1))
        return LeanRun(rotation=rotation, rows=rows, checkpoint=checkpoint, region=region)


def lean_hidden_states(
    trunk: Any, embeddings_LD: Tensor, run: LeanRun, at_N: Tensor | None
) -> Tensor:
    """(N, D): hidden states after the final norm, at positions at_N (None: at all L).

    L: the tokens of the segments that the run is over.
    """
    hidden_LD = run.region.share_out(embeddings_LD)
    run_block = recomputed(_block) if run.checkpoint is ActivationsCheckpoint.FULL else _block
    *blocks, last = trunk.layers
    for block in blocks:
        hidden_LD = run_block(block, hidden_LD, run, None)
    hidden = _norm(trunk.norm, run_block(last, hidden_LD, run, at_N))
    return hidden if at_N is not None else run.region.collect(hidden)


def _block(block: Any, hidden_LD: Tensor, run: LeanRun, at_N: Tensor | None) -> Tensor:
    attention, mlp, region = block.self_attn, block.mlp, run.region
    attended = _attention(attention, region.enter(_norm(block.input_layernorm, hidden_LD)), run)
    if at_N is not None:
        attended = attended.index_select(0, at_N)
        hidden_LD = region.collect(hidden_LD).index_select(0, at_N)
        region = region.whole()  # the wanted positions are few
    # forward, not the call: a sharded model's hooks are for transformers' own trunk
    hidden = hidden_LD + region.leave(attention.o_proj.forward(attended))
    normed = region.enter(_norm(block.post_attention_layernorm, hidden))
    gated = silu_gate(mlp.gate_proj(normed), mlp.up_proj(normed))
    return hidden + region.leave(mlp.down_proj.forward(gated))


def _attention(attention: Any, normed_LD: Tensor, run: LeanRun) -> Tensor:
    """(L, H * E): attention of every row, before the output projection."""
    shape_LHE = (normed_LD.shape[0], -1, attention.head_dim)
    query, key, value = (
        projection(normed_LD).view(shape_LHE)
        for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    selective = run.checkpoint is ActivationsCheckpoint.SELECTIVE
    core = recomputed(_attention_core) if selective else _attention_core
    return core(attention, query, key, value, run)


def _attention_core(
    attention: Any, query_LHE: Tensor, key_LGE: Tensor, value_LGE: Tensor, run: LeanRun
) -> Tensor:
    """(L, H * E): what of attention has no weight matrices."""
    if hasattr(attention, "q_norm"):  # Qwen 3
        query_LHE = _norm(attention.q_norm, query_LHE)
        key_LGE = _norm(attention.k_norm, key_LGE)
    query_LHE, key_LGE = rotate(query_LHE, *run.rotation), rotate(key_LGE, *run.rotation)
    # Qwen says it by layer, Mistral for all layers
    window = getattr(attention, "sliding_window", getattr(attention.config, "sliding_window", None))
    form = AttentionForm(scaling=attention.scaling, window=window)
    query_1HLE, key_1GLE, value_1GLE = (
        tensor.transpose(0, 1)[None] for tensor in (query_LHE, key_LGE, value_LGE)
    )
    layer = int(attention.layer_idx)
    return attend_rows(query_1HLE, key_1GLE, value_1GLE, run.rows, form, layer).flatten(2)[0]


def _norm(norm: Any, hidden: Tensor) -> Tensor:
    if isinstance(norm, nn.Identity):  # in place of the final one, on a stage that is not the last
        return hidden
    return rms_norm(hidden, norm.weight, norm.variance_epsilon)
