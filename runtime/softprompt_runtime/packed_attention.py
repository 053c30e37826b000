"""Causal attention over the rows of a packed batch, as a transformers attention implementation.

Any model whose attention goes through transformers' AttentionInterface can take it: inside
`packed_rows(...)` the model sees one row of L tokens, and each token attends to its own row only.
Outside, the model is as it was, ready for padded batches with a mask and a cache.

Shapes: H query heads, G key/value heads, L packed tokens, Q queries and K keys of one row, E
width of a head.
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


KeysValues = tuple[Tensor, Tensor]  # (1, G, K, E) each, of one segment


@dataclass(frozen=True, kw_only=True)
class Rows:
    """A forward pass over some segments of a layout; the segments they continue went before.

    kept: by layer and segment, the keys and values of earlier passes. keeps: whether this pass adds
    its own. masks are shared by all layers.
    """

    layout: RowLayout
    segments: tuple[int, ...]
    kept: dict[int, dict[int, KeysValues]] = field(default_factory=dict[int, Any])
    keeps: bool = False
    masks: dict[tuple[int, int, int], Tensor] = field(default_factory=dict[Any, Tensor])

    @staticmethod
    def all_of(layout: RowLayout) -> "Rows":
        """One pass over everything."""
        return Rows(layout=layout, segments=tuple(range(len(layout.segment_lengths))))

    def mask(
        self, num_queries: int, num_keys: int, form: AttentionForm, like: Tensor
    ) -> Tensor | None:
        """(Q, K), 0 or -inf to add, for the last Q of K tokens; None where causality says it all.

        Of the queries' type: attention would convert a mask of booleans anew in every layer.
        """
        window = num_keys if form.window is None else min(form.window, num_keys)
        if num_queries == num_keys == window and form.softcap is None:
            return None
        key = (num_queries, num_keys, window)
        if key not in self.masks:
            keys = torch.arange(num_keys, device=like.device)
            ages = keys[num_keys - num_queries :, None] - keys
            hidden = (ages < 0) | (ages >= window)
            self.masks[key] = torch.zeros_like(ages, dtype=like.dtype).masked_fill(
                hidden, float("-inf")
            )
        return self.masks[key]


_running: ContextVar[Rows | None] = ContextVar("softprompt_packed_rows", default=None)


@contextmanager
def packed_rows(config: Any, rows: Rows) -> Generator[None]:
    """Within, the model of this (text) config attends row by row over these segments."""
    before = config._attn_implementation
    token = _running.set(rows)
    config._attn_implementation = IMPLEMENTATION
    try:
        yield
    finally:
        config._attn_implementation = before
        _running.reset(token)


def packed_attention(  # noqa: PLR0913 - transformers' signature
    module: Any,
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
    layer = int(module.layer_idx)
    return attend_rows(query_1HLE, key_1GLE, value_1GLE, rows, form, layer), None


AttentionInterface.register(IMPLEMENTATION, packed_attention)


def attend_rows(
    query_1HLE: Tensor,
    key_1GLE: Tensor,
    value_1GLE: Tensor,
    rows: Rows,
    form: AttentionForm,
    layer: int,
) -> Tensor:
    """(1, L, H, E): each token's attention over its own row, itself included.

    L: the tokens of the segments that run in this pass.
    """
    lengths = [rows.layout.segment_lengths[segment] for segment in rows.segments]
    # split, not slices: its backward is one concatenation instead of L zeros for each row
    queries = query_1HLE.split(lengths, dim=2)
    pairs = zip(key_1GLE.split(lengths, dim=2), value_1GLE.split(lengths, dim=2), strict=True)
    own = dict(zip(rows.segments, pairs, strict=True))
    if rows.keeps:
        rows.kept[layer] = own
    known = rows.kept.get(layer, {}) | own
    outputs = [
        _attend_segment(query, [known[part] for part in rows.layout.chain(segment)], rows, form)
        for segment, query in zip(rows.segments, queries, strict=True)
        if query.shape[2] > 0
    ]
    return torch.cat(outputs, dim=1)


def _attend_segment(
    query_1HQE: Tensor, parts: list[KeysValues], rows: Rows, form: AttentionForm
) -> Tensor:
    """(1, Q, H, E): attention of a segment over what it continues and itself."""
    key_1GKE, value_1GKE = parts[-1]
    if len(parts) > 1:
        key_1GKE = torch.cat([key for key, _ in parts], dim=2)
        value_1GKE = torch.cat([value for _, value in parts], dim=2)
    mask_QK = rows.mask(query_1HQE.shape[2], key_1GKE.shape[2], form, query_1HQE)
    return _attend(query_1HQE, key_1GKE, value_1GKE, mask_QK, form).transpose(1, 2)


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
    weights = (scores.float() + mask_QK).softmax(dim=-1)
    return weights.to(value.dtype) @ value
