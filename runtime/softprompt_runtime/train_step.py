"""One optimizer step's gradients, in plain torch.

P virtual tokens of a task, D width of the base model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.packing import PackedBatch, TokenizedRow, pack
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.prompted_loss import LossSums, loss_sums


@final
@dataclass(frozen=True, kw_only=True)
class GlobalBatch:
    """The rows of one optimizer step, packed into the micro-batches of its forward passes."""

    micro_batches: tuple[PackedBatch, ...]

    @property
    def num_targets(self) -> int:
        """Loss tokens."""
        return sum(sum(packed.target_counts) for packed in self.micro_batches)

    @property
    def num_rows(self) -> int:
        """Rows."""
        return sum(packed.num_rows for packed in self.micro_batches)

    @property
    def num_tokens(self) -> int:
        """Tokens of all rows, virtual ones included."""
        return sum(packed.num_row_tokens for packed in self.micro_batches)

    def to(self, device: torch.device | str) -> "GlobalBatch":
        """The same batch with its tensors on `device`."""
        return replace(self, micro_batches=tuple(part.to(device) for part in self.micro_batches))


def pack_global_batch(micro_batches: Iterable[Sequence[TokenizedRow]]) -> GlobalBatch:
    """Pack each micro-batch's rows end to end."""
    return GlobalBatch(micro_batches=tuple(pack(rows) for rows in micro_batches))


def accumulate_gradients(
    base_model: BaseModel,
    learner: PromptLearner,
    batch: GlobalBatch,
    backward: Callable[[Tensor], None],
) -> Tensor:
    """Add the gradient of the batch's mean loss to the learner's parameters; the loss, detached.

    The mean is over the loss tokens of the whole global batch, so neither the loss nor the gradient
    depends on how rows are spread over micro-batches. The learner makes its tables once, however
    many micro-batches there are. backward: what runs a micro-batch's backward pass; a factor it
    puts on the loss (gradient scaling) reaches the parameters too.
    """
    tables = learner.tables()
    leaves = {task: table.detach().requires_grad_() for task, table in tables.items()}
    num_targets = max(1, batch.num_targets)  # rows without any loss token: loss 0, gradient 0
    losses = [
        _add_gradients(base_model, packed, leaves, num_targets, backward)
        for packed in batch.micro_batches
    ]
    _through_learner(learner, tables, leaves)
    return torch.stack(losses).sum()


def _add_gradients(
    base_model: BaseModel,
    packed: PackedBatch,
    leaves: Mapping[str, Tensor],
    num_targets: int,
    backward: Callable[[Tensor], None],
) -> Tensor:
    """The micro-batch's share of the loss; its gradient is added to the leaves."""
    loss = loss_sums(base_model, packed, leaves).total / num_targets
    backward(loss)
    return loss.detach()


def _through_learner(
    learner: PromptLearner, tables: Mapping[str, Tensor], leaves: Mapping[str, Tensor]
) -> None:
    """From the gradients of the tables to those of the learner's parameters."""
    reached = [task for task in learner.trained_tasks if leaves[task].grad is not None]
    gradients = [leaves[task].grad for task in reached]
    torch.autograd.backward([tables[task] for task in reached], gradients)


@torch.no_grad()
def evaluate_batch(
    base_model: BaseModel, tables: Mapping[str, Tensor], packed: PackedBatch
) -> LossSums:
    """Loss sums by task, without gradients."""
    return loss_sums(base_model, packed, tables)
