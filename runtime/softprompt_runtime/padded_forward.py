"""The second path: a padded batch, for models whose attention cannot take packed rows.

Shapes: L packed tokens, B rows, T tokens of the longest row, D width.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from softprompt_runtime.row_layout import RowLayout

RunTrunk = Callable[[Tensor, Tensor, Tensor], Tensor]


def padded_hidden_states(
    run_trunk: RunTrunk, embeddings_LD: Tensor, position_ids_L: Tensor, layout: RowLayout
) -> Tensor:
    """(L, D): hidden states of packed tokens, computed in rows padded on the right.

    run_trunk: (embeddings (B, T, D), position ids (B, T), mask (B, T) of ones and zeros) to hidden
    states (B, T, D). Padding comes after a row's tokens, so that a causal model never sees it.
    """
    ends = _ends(layout)
    positions = [layout.positions_of(end) for end in ends]
    longest = max(len(row) for row in positions)
    device = embeddings_LD.device
    index_BT = torch.tensor([row + row[-1:] * (longest - len(row)) for row in positions])
    mask_BT = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in positions])
    index_BT, mask_BT = index_BT.to(device), mask_BT.to(device)
    hidden_BTD = run_trunk(embeddings_LD[index_BT], position_ids_L[index_BT], mask_BT)
    places = {at: row * longest + t for row, p in enumerate(positions) for t, at in enumerate(p)}
    packed = torch.tensor([places[at] for at in range(layout.num_tokens)], device=device)
    return hidden_BTD.flatten(0, 1).index_select(0, packed)


def _ends(layout: RowLayout) -> list[int]:
    """The last segments of all rows that have tokens."""
    prefixes = set(layout.prefix_of)
    ends = [segment for segment in range(len(layout.prefix_of)) if segment not in prefixes]
    return [end for end in ends if layout.positions_of(end)]
