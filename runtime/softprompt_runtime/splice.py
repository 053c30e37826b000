"""Virtual tokens into embeddings: pure tensor functions.

L tokens of the packed batch, K virtual tokens in it, P virtual tokens of a task, D width.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from softprompt_runtime.packing import PackedBatch


def virtual_embeddings(tables: Mapping[str, Tensor], packed: PackedBatch) -> Tensor:
    """(K, D): the table rows that the batch's virtual tokens take, in packed order.

    tables: (P, D) a task; tables of tasks that are not in the batch are not touched. Differentiable
    in the tables. Raises KeyError for a task without a table, ValueError for one that is too short.
    """
    in_batch = [tables[task] for task in packed.tasks]
    for task, table, needed in zip(packed.tasks, in_batch, packed.virtual_lengths, strict=True):
        if table.shape[0] < needed:
            raise ValueError(f"the table of {task!r} has {table.shape[0]} rows, {needed} are used")
    offsets = _offsets([table.shape[0] for table in in_batch], packed.virtual_tasks_K)
    return torch.cat(in_batch).index_select(0, offsets + packed.virtual_indices_K)


def splice(text_LD: Tensor, virtual_KD: Tensor, positions_K: Tensor) -> Tensor:
    """(L, D): the text's embeddings with the virtual ones put at their positions.

    The result has the text's dtype, the base model's. No gradient reaches text_LD.
    Placement as in Liu et al. 2021, section 3: a virtual token is a position, never text.
    """
    return text_LD.detach().index_copy(0, positions_K, virtual_KD.to(text_LD.dtype))


def _offsets(table_lengths: list[int], tasks_K: Tensor) -> Tensor:
    """First row of each virtual token's table, when the tables lie end to end."""
    starts = [sum(table_lengths[:task]) for task in range(len(table_lengths))]
    return torch.tensor(starts, dtype=torch.int64, device=tasks_K.device)[tasks_K]
