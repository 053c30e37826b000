"""The gradients of one optimizer step over pipeline stages, by torch's 1F1B schedule.

Narayanan et al. 2021, section 2.2: each stage starts with a few forward passes and then alternates,
so that no more than one micro-batch a stage is on its way. Packed micro-batches have different
lengths, and a schedule's messages have one: what is sent is filled up to the longest micro-batch of
the step, and cut again before anything is computed.

L packed tokens of a micro-batch, S of the longest, M micro-batches, D width.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn
from torch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.packing import PackedBatch
from softprompt_runtime.parallel.waiting import waiting_for
from softprompt_runtime.prompted_loss import embedded, sums_at_targets


@final
@dataclass(frozen=True, kw_only=True)
class PipelineStep:
    """What a stage needs to know of a step; the same micro-batches on all stages.

    tables: (P, D) for each task; the first stage's get the gradients. num_targets: loss tokens of
    the global batch. loss_scale: a factor on the loss and all gradients.
    """

    micro_batches: tuple[PackedBatch, ...]
    tables: Mapping[str, Tensor]
    num_targets: int
    loss_scale: float


def add_pipeline_gradients(base_model: BaseModel, step: PipelineStep) -> Tensor:
    """This stage's part of the step; returns its share of the loss, which is 0 but on the last.

    The gradients of the tables are added to those of the first stage only. Every stage calls it.
    Raises RunFailure where another stage does not answer in time.
    """
    pipeline = base_model.mesh.pipeline
    number_M = torch.arange(len(step.micro_batches))
    losses: list[Tensor] = []
    schedule = _schedule(base_model, step)
    arguments = (number_M,) if base_model.stage.is_first else ()
    others = [rank for rank in pipeline.ranks if rank != pipeline.rank]
    try:
        with waiting_for(others, pipeline.rank):
            schedule.step(
                *arguments,
                number=number_M,
                target=number_M if base_model.stage.is_last else None,
                losses=losses,
                return_outputs=False,
            )
    except RuntimeError as error:
        # the schedule puts a text around what a stage's own code raises
        raise error.__cause__ or error from None
    total = torch.stack(losses).sum() if losses else torch.zeros((), device=base_model.device)
    return total.detach() / step.loss_scale


def _schedule(base_model: BaseModel, step: PipelineStep) -> Any:
    """The step's schedule. Few micro-batches make none of 1F1B: all go forward, then all back."""
    num_micro_batches, pipeline = len(step.micro_batches), base_model.mesh.pipeline
    module = _StageModule(base_model, step)
    stage = PipelineStage(
        module,
        pipeline.index,
        pipeline.size,
        base_model.device,
        input_args=module.number_meta if base_model.stage.is_first else module.states_meta,
        output_args=module.loss_meta if base_model.stage.is_last else module.states_meta,
        group=pipeline.group,
    )
    kind = Schedule1F1B if num_micro_batches >= pipeline.size else ScheduleGPipe
    return kind(stage, num_micro_batches, loss_fn=_own_loss, scale_grads=False)


def _own_loss(loss: Tensor, _: Tensor) -> Tensor:
    """The last stage's output is the loss."""
    return loss


@final
class _StageModule(nn.Module):
    """A stage as the schedule calls it: by the number of a micro-batch, and what was received."""

    def __init__(self, base_model: BaseModel, step: PipelineStep) -> None:
        super().__init__()
        self._base_model = base_model
        self._step = step
        self._longest = max(1, *(each.layout.num_tokens for each in step.micro_batches))
        self.number_meta = torch.empty(1, dtype=torch.int64, device="meta")
        self.loss_meta = torch.empty((), device="meta", requires_grad=True)
        self.states_meta = torch.empty(
            self._longest,
            base_model.width,
            dtype=base_model.dtype,
            device="meta",
            requires_grad=True,
        )

    def forward(self, received: Tensor, number: Tensor) -> Tensor:
        """(S, D) for the next stage; the last stage's share of the loss, a scalar."""
        base_model, step = self._base_model, self._step
        packed = step.micro_batches[int(number)]
        if base_model.stage.is_first:
            states_LD = embedded(base_model, packed, step.tables)
        else:
            states_LD = received[: packed.layout.num_tokens]
        at_N = packed.target_positions_N if base_model.stage.is_last else None
        hidden = base_model.hidden_states(states_LD, packed.position_ids_L, packed.layout, at_N)
        if base_model.stage.is_last:
            total = sums_at_targets(base_model, hidden, packed).total
            return total / step.num_targets * step.loss_scale
        return F.pad(hidden, (0, 0, 0, self._longest - hidden.shape[0]))
