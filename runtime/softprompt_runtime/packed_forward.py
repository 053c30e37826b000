"""Packed rows through a trunk: in one pass, or static text first and without gradients.

Text before a row's first virtual token depends on nothing that is trained. It runs once without
keeping anything but its keys and values; then the rest runs with gradients and attends to those.

Shapes: L packed tokens, S and R of them static and the rest, N wanted positions, D width.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from softprompt_runtime.packed_attention import Rows
from softprompt_runtime.row_layout import RowLayout

# (embeddings, position ids) of the segments that Rows runs, and which of their positions are
# wanted (None: all), to hidden states
Run = Callable[[Tensor, Tensor, Rows, Tensor | None], Tensor]


def packed_hidden_states(
    run: Run,
    embeddings_LD: Tensor,
    position_ids_L: Tensor,
    layout: RowLayout,
    at_N: Tensor | None,
) -> Tensor:
    """(N, D): hidden states at positions at_N (None: at all L).

    Differentiable in embeddings_LD but for the layout's static segments.
    """
    flags = list(enumerate(layout.static))
    static = tuple(segment for segment, is_static in flags if is_static)
    rest = tuple(segment for segment, is_static in flags if not is_static)
    needs_gradient = torch.is_grad_enabled() and any(layout.segment_lengths[at] for at in rest)
    if not static or not needs_gradient:
        return run(embeddings_LD, position_ids_L, Rows.all_of(layout), at_N)

    device = embeddings_LD.device
    static_S, rest_R = (_positions(layout, segments, device) for segments in (static, rest))
    rank_L = torch.cat((static_S, rest_R)).argsort()
    wanted_N = rank_L if at_N is None else rank_L[at_N]
    in_static_N = wanted_N < len(static_S)
    first = Rows(layout=layout, segments=static, keeps=True)
    with torch.no_grad():
        at = wanted_N[in_static_N]
        static_hidden = run(embeddings_LD[static_S], position_ids_L[static_S], first, at)
    second = Rows(layout=layout, segments=rest, kept=first.kept)
    at = wanted_N[~in_static_N] - len(static_S)
    rest_hidden = run(embeddings_LD[rest_R], position_ids_L[rest_R], second, at)
    found_N = torch.cat((in_static_N.nonzero(), (~in_static_N).nonzero())).flatten()
    return torch.cat((static_hidden, rest_hidden)).index_select(0, found_N.argsort())


def _positions(layout: RowLayout, segments: tuple[int, ...], device: torch.device) -> Tensor:
    positions = [at for segment in segments for at in layout.own_positions(segment)]
    return torch.tensor(positions, dtype=torch.int64, device=device)
