"""One optimizer step's gradients, in plain torch.

P virtual tokens of a task, D width of the base model.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.data_share import as_many_for_all
from softprompt_runtime.packing import PackedBatch, TokenizedRow, pack
from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.parallel.mesh import Mesh
from softprompt_runtime.parallel.pipeline_step import PipelineStep, add_pipeline_gradients
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.prompted_loss import LossSums, loss_sums


@final
@dataclass(frozen=True, kw_only=True)
class GlobalBatch:
    """The rows of one optimizer step, packed into the micro-batches of its forward passes.

    micro_batches: those of this process's replica. All else is of the whole global batch.
    """

    micro_batches: tuple[PackedBatch, ...]
    tasks: frozenset[str]
    num_targets: int  # loss tokens
    num_rows: int
    num_tokens: int  # of all rows, virtual ones included

    def to(self, device: torch.device | str) -> "GlobalBatch":
        """The same batch with its tensors on `device`."""
        return replace(self, micro_batches=tuple(part.to(device) for part in self.micro_batches))


def pack_global_batch(
    micro_batches: Iterable[Sequence[TokenizedRow]], data: Axis | None = None
) -> GlobalBatch:
    """Pack the rows of each micro-batch of this replica end to end.

    data: the replicas that share out the micro-batches, in turn; None: there is one.
    """
    parts = list(micro_batches)
    rows = [row for part in parts for row in part]
    own = parts if data is None else as_many_for_all(parts, data)
    return GlobalBatch(
        micro_batches=tuple(pack(part) for part in own),
        tasks=frozenset(row.task for row in rows),
        num_targets=sum(sum(row.loss_mask[1:]) for row in rows),
        num_rows=len(rows),
        num_tokens=sum(len(row.input_ids) for row in rows),
    )


def accumulate_gradients(
    base_model: BaseModel,
    learner: PromptLearner,
    batch: GlobalBatch,
    backward: Callable[[Tensor], None],
) -> Tensor:
    """Add the gradient of the batch's mean loss to the learner's parameters; the loss, detached.

    The mean is over the loss tokens of the whole global batch, so neither the loss nor the gradient
    depends on how rows are spread over micro-batches and replicas; every replica gets the whole
    gradient. The learner makes its tables once, however many micro-batches there are.
    backward: what runs a micro-batch's backward pass; a factor it puts on the loss (gradient
    scaling) reaches the parameters too.
    """
    tables = learner.tables()
    leaves = {task: table.detach().requires_grad_() for task, table in tables.items()}
    num_targets = max(1, batch.num_targets)  # rows without any loss token: loss 0, gradient 0
    mesh = base_model.mesh
    if mesh.pipeline.size > 1:
        loss = _pipeline_loss(base_model, batch, leaves, num_targets, backward)
    else:
        losses = [
            _add_gradients(base_model, packed, leaves, num_targets, backward)
            for packed in batch.micro_batches
        ]
        loss = torch.stack(losses).sum()
    if mesh.data.size * mesh.pipeline.size > 1:
        loss = _sum_over_mesh(mesh, batch, leaves, loss)
    _through_learner(learner, tables, leaves)
    return loss


def _pipeline_loss(
    base_model: BaseModel,
    batch: GlobalBatch,
    leaves: Mapping[str, Tensor],
    num_targets: int,
    backward: Callable[[Tensor], None],
) -> Tensor:
    """This stage's share of the loss; gradients are added to the first stage's leaves."""
    # The schedule runs the backward passes itself: see which factor `backward` puts on a loss.
    probe = torch.ones((), device=base_model.device, requires_grad=True)
    backward(probe * 1.0)
    assert probe.grad is not None
    step = PipelineStep(
        micro_batches=batch.micro_batches,
        tables=leaves,
        num_targets=num_targets,
        loss_scale=probe.grad.item(),
    )
    return add_pipeline_gradients(base_model, step)


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


def _sum_over_mesh(
    mesh: Mesh, batch: GlobalBatch, leaves: Mapping[str, Tensor], loss: Tensor
) -> Tensor:
    """The loss of all replicas; their gradients are summed in the leaves. One message an axis.

    Of a replica's stages the first has the gradients and the last the loss; zeros change neither.
    """
    reached = [leaf for task, leaf in leaves.items() if task in batch.tasks]
    parts = [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in reached]
    message = torch.cat([*(part.flatten() for part in parts), loss.float().reshape(1)])
    sums = mesh.data.add(mesh.pipeline.add(message))
    *gradients, total = sums.split([*(leaf.numel() for leaf in reached), 1])
    for leaf, gradient in zip(reached, gradients, strict=True):
        leaf.grad = gradient.view_as(leaf)
    return total[0]


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
    """Loss sums by task, without gradients; on the last pipeline stage, zeros on others."""
    return loss_sums(base_model, packed, tables)
