"""Tokenized rows to one packed batch. CPU integers only.

L tokens of the packed batch, K virtual tokens in it, N loss tokens. Rows lie end to end without
padding; what all rows of a task begin with lies there once (see row_layout.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from softprompt_runtime.row_layout import RowLayout
from softprompt_runtime.row_placement import TokenizedRow, place


@dataclass(frozen=True, kw_only=True)
class PackedBatch:
    """Rows of one forward pass.

    The hidden state at target_positions_N[n] predicts target_ids_N[n]; one position can predict for
    several rows when it lies in a shared prefix. A row's first token is predicted by nothing.
    """

    tasks: tuple[str, ...]  # of the batch, in order of first appearance
    virtual_lengths: tuple[int, ...]  # by task: table rows that the batch needs
    layout: RowLayout
    input_ids_L: Tensor  # 0 at virtual positions
    position_ids_L: Tensor  # counted from 0 in each row
    virtual_positions_K: Tensor
    virtual_tasks_K: Tensor  # index into tasks
    virtual_indices_K: Tensor  # row of that task's table
    target_positions_N: Tensor
    target_ids_N: Tensor
    target_tasks_N: Tensor  # index into tasks
    target_counts: tuple[int, ...]  # loss tokens by task
    num_rows: int
    num_row_tokens: int  # summed over the rows: at least L

    def to(self, device: torch.device | str) -> "PackedBatch":
        """The same batch with its tensors on `device`."""
        names = [name for name, value in vars(self).items() if isinstance(value, Tensor)]
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return replace(self, **moved)


def pack(
    rows: Sequence[TokenizedRow], *, share_prefixes: bool = True, split_static: bool = True
) -> PackedBatch:
    """The rows, in order, as one packed batch.

    Empty rows, rows of one token and rows without a loss token are allowed and add nothing to the
    loss. share_prefixes: compute once what all rows of a task begin with. split_static: lay text
    before a row's first virtual token apart, so that it is computed without gradients. Hidden
    states are the same up to rounding. Raises ValueError for no rows at all.
    """
    if not rows:
        raise ValueError("a packed batch needs at least one row")
    tasks = tuple(dict.fromkeys(row.task for row in rows))
    placed = place(rows, share_prefixes=share_prefixes, split_static=split_static)
    pairs = list(zip(rows, placed.positions, strict=True))
    tokens = {at: (row, t) for row, positions in pairs for t, at in enumerate(positions)}
    length = placed.layout.num_tokens
    ids_L = [tokens[at][0].input_ids[tokens[at][1]] for at in range(length)]
    virtual = [at for at, token_id in enumerate(ids_L) if token_id < 0]
    targets = [target for row, positions in pairs for target in _targets(row, positions)]
    return PackedBatch(
        tasks=tasks,
        virtual_lengths=tuple(_table_length(rows, task) for task in tasks),
        layout=placed.layout,
        input_ids_L=_integers([max(token_id, 0) for token_id in ids_L]),
        position_ids_L=_integers([tokens[at][1] for at in range(length)]),
        virtual_positions_K=_integers(virtual),
        virtual_tasks_K=_integers([tasks.index(tokens[at][0].task) for at in virtual]),
        virtual_indices_K=_integers([-1 - ids_L[at] for at in virtual]),
        target_positions_N=_integers([at for at, _, _ in targets]),
        target_ids_N=_integers([token_id for _, token_id, _ in targets]),
        target_tasks_N=_integers([tasks.index(task) for _, _, task in targets]),
        target_counts=tuple(sum(name == task for _, _, name in targets) for task in tasks),
        num_rows=len(rows),
        num_row_tokens=sum(len(row.input_ids) for row in rows),
    )


def _table_length(rows: Sequence[TokenizedRow], task: str) -> int:
    least = min((min(row.input_ids, default=0) for row in rows if row.task == task), default=0)
    return max(0, -least)


def _targets(row: TokenizedRow, positions: Sequence[int]) -> list[tuple[int, int, str]]:
    """(packed position, id to predict there, task) of each loss token of the row."""
    wanted = [t for t in range(1, len(row.input_ids)) if row.loss_mask[t]]
    assert all(row.input_ids[t] >= 0 for t in wanted), "a virtual token is never predicted"
    return [(positions[t - 1], row.input_ids[t], row.task) for t in wanted]


def _integers(values: list[int]) -> Tensor:
    return torch.tensor(values, dtype=torch.int64)
