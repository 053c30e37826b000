"""Causal attention over the rows of a packed batch, as a transformers attention implementation.

Any model whose attention goes through transformers' AttentionInterface can take it: inside
`packed_rows(...)` the model sees one row of L tokens, and each token attends to its own row only.
Outside, the model is as it was, ready for padded batches with a mask and a cache.

Shapes: H query heads, G key/value heads, L packed tokens, Q queries and K keys of one row, E width
of a head.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor
from transformers import AttentionInterface

from softprompt_runtime.row_layout import RowLayout

IMPLEMENTATION = "softprompt_packed"


class UnsupportedAttentionError(Exception):
    """The model's attention has a term that packed attention does not compute."""


@dataclass(frozen=True, kw_only=True)
class AttentionForm:
    """How a layer attends: causally, and so."""

    scaling: float | None  # of the scores; None: 1 / sqrt(E)
    window: int | None = None  # a token sees itself and up to window-1 tokens before it
    softcap: float | None = None  # of the scores: Gemma 2 report, section 2


@dataclass(frozen=True, kw_only=True)
class Rows:
    """The layout of the forward pass that is running, and its masks, shared by all layers."""

    layout: RowLayout
    masks: dict[tuple[int, int, int], Tensor] = field(default_factory=dict)

    def mask(
        self, num_queries: int, num_keys: int, form: AttentionForm, like: Tensor
    ) -> Tensor | None:
        """(Q, K) bool for the last Q of K tokens, or None where plain causality says it all."""
        window = num_keys if form.window is None else min(form.window, num_keys)
        if num_queries == num_keys == window and form.softcap is None:
            return None
        key = (num_queries, num_keys, window)
        if key not in self.masks:
            keys = torch.arange(num_keys, device=like.device)
            ages = keys[num_keys - num_queries :, None] - keys
            self.masks[key] = (ages >= 0) & (ages < window)
        return self.masks[key]


_running: ContextVar[Rows | None] = ContextVar("softprompt_packed_rows", default=None)


@contextmanager
def packed_rows(config: Any, layout: RowLayout) -> Generator[None]:
    """Within, the model of this (text) config attends row by row over a packed batch."""
    before = config._attn_implementation
    token = _running.set(Rows(layout=layout))
    config._attn_implementation = IMPLEMENTATION
    try:
        yield
    finally:
        config._attn_implementation = before
        _running.reset(token)


def packed_attention(  # noqa: PLR0913 - transformers' signature
    module: torch.nn.Module,
    query_1HLE: Tensor,
    key_1GLE: Tensor,
    value_1GLE: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """(1, L, H, E): each token's attention over its own row, itself included.

    Raises UnsupportedAttentionError for a mask, for dropout, and for terms such as attention sinks.
    """
    rows = _running.get()
    unknown = [name for name in ("s_aux", "position_bias") if kwargs.get(name) is not None]
    if attention_mask is not None or dropout or unknown:
        raise UnsupportedAttentionError(f"mask, dropout or {unknown} in packed attention")
    assert rows is not None, "the packed implementation runs inside packed_rows() only"
    form = AttentionForm(scaling=scaling, window=sliding_window, softcap=softcap)
    return attend_rows(query_1HLE, key_1GLE, value_1GLE, rows, form), None


AttentionInterface.register(IMPLEMENTATION, packed_attention)


def attend_rows(
    query_1HLE: Tensor, key_1GLE: Tensor, value_1GLE: Tensor, rows: Rows, form: AttentionForm
) -> Tensor:
    """(1, L, H, E): each token's attention over its own row, itself included."""
    lengths, prefix_of = rows.layout.segment_lengths, rows.layout.prefix_of
    # split, not slices: its backward is one concatenation instead of L zeros for each row
    queries = query_1HLE.split(lengths, dim=2)
    keys, values = key_1GLE.split(lengths, dim=2), value_1GLE.split(lengths, dim=2)
    outputs: list[Tensor] = []
    for segment, query in enumerate(queries):
        if query.shape[2] == 0:
            continue
        key, value, prefix = keys[segment], values[segment], prefix_of[segment]
        if prefix is not None:
            key = torch.cat((keys[prefix], key), dim=2)
            value = torch.cat((values[prefix], value), dim=2)
        mask = rows.mask(query.shape[2], key.shape[2], form, query)
        outputs.append(_attend(query, key, value, mask, form).transpose(1, 2))
    return torch.cat(outputs, dim=1)


def _attend(
    query_1HQE: Tensor,
    key_1GKE: Tensor,
    value_1GKE: Tensor,
    mask_QK: Tensor | None,
    form: AttentionForm,
) -> Tensor:
    """(1, H, Q, E): attention of one row; causal where there is no mask.

    Key/value heads take the batch's place and their queries are a group: H heads over G, without a
    copy of the keys (strides of 0), on every backend and in the backward pass too.
    """
    _, num_heads, num_queries, width = query_1HQE.shape
    groups = key_1GKE.shape[1]
    shape = (groups, num_heads // groups, -1, -1)
    query = query_1HQE.reshape(groups, num_heads // groups, num_queries, width)
    key, value = (tensor.transpose(0, 1).expand(shape) for tensor in (key_1GKE, value_1GKE))
    if form.softcap is None:
        attended = F.scaled_dot_product_attention(
            query, key, value, attn_mask=mask_QK, is_causal=mask_QK is None, scale=form.scaling
        )
    else:
        assert mask_QK is not None
        attended = _attend_capped(query, key, value, mask_QK, form)
    return attended.reshape(1, num_heads, num_queries, value_1GKE.shape[3])


def _attend_capped(
    query: Tensor, key: Tensor, value: Tensor, mask_QK: Tensor, form: AttentionForm
) -> Tensor:
    """Attention with soft-capped scores."""
    assert form.softcap is not None
    scale = query.shape[-1] ** -0.5 if form.scaling is None else form.scaling
    scores = form.softcap * torch.tanh(query @ key.transpose(-1, -2) * scale / form.softcap)
    weights = scores.float().masked_fill(~mask_QK, float("-inf")).softmax(dim=-1)
    return weights.to(value.dtype) @ value
