"""The optimization as Lightning's loop calls it: one call of training_step is one optimizer step.

P virtual tokens of a task, D width of the base model.
"""

import math
from typing import Any, final

import pytorch_lightning as pl
import torch
from torch import Tensor

from softprompt_plan.plan import TrainingPlan
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.checkpoints import Checkpoint
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.packing import PackedBatch
from softprompt_runtime.parallel.encoder_shards import (
    clip_gradient,
    own_optimizer_state,
    whole_optimizer_state,
)
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.prompted_loss import loss_sums
from softprompt_runtime.schedule import learning_rate
from softprompt_runtime.train_step import GlobalBatch, accumulate_gradients
from softprompt_runtime.validation_state import ValidationState, after_validation, stops_early

_NOT_FINITE_HELP = (
    "Lower training.optim.lr, set training.gradient_clip_val, or train in a wider precision."
)


@final
class PromptTraining(pl.LightningModule):
    """Trains a prompt learner in front of a frozen base model.

    The base model is no submodule: Lightning neither moves, counts, saves nor switches it.
    step: optimizer steps done. loss, lr: of the last one. losses: of the last validation.
    """

    def __init__(
        self,
        base_model: BaseModel,
        learner: PromptLearner,
        training: TrainingPlan,
        total_steps: int,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.learner = learner
        self.step = 0
        self.total_steps = total_steps
        self.loss = self.lr = math.nan
        self.losses: dict[str, float] = {}
        self.validation = ValidationState()
        self.validated_step = 0
        self._base_model = base_model
        self._training = training
        self._resumed: Checkpoint | None = None
        self._tables: dict[str, Tensor] = {}
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}

    def go_on_from(self, checkpoint: Checkpoint) -> None:
        """Take over a checkpoint's state. Raises RunFailure if its tensors do not fit."""
        try:
            self.learner.load_state_dict(checkpoint.learner)
        except (RuntimeError, TypeError, AttributeError) as error:
            raise RunFailure(f"The checkpoint does not fit the plan: {error}") from None
        self.step = checkpoint.step
        self.validation = checkpoint.validation
        self.validated_step = checkpoint.validated_step
        self._resumed = checkpoint

    @property
    def finished(self) -> bool:
        """Whether no further step is to come."""
        early = stops_early(self.validation, self._training.early_stopping)
        return early or self.step >= self.total_steps

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW over the learner's parameters, with the state of the checkpoint, if any."""
        optim = self._training.optim
        optimizer = torch.optim.AdamW(
            self.learner.trainable_parameters(),
            lr=optim.lr,
            betas=optim.betas,
            weight_decay=optim.weight_decay,
        )
        if self._resumed is not None:
            state, axis = self._resumed.optimizer, self._base_model.mesh.tensor
            optimizer.load_state_dict(own_optimizer_state(state, self.learner.shared_out(), axis))
        return optimizer

    def training_step(self, batch: GlobalBatch, batch_idx: int) -> None:
        """One optimizer step. Raises RunFailure when the loss is no finite number."""
        optimizer: Any = self.optimizers()
        self.lr = learning_rate(self._training.optim, self.step, self.total_steps)
        for group in optimizer.param_groups:
            group["lr"] = self.lr
        optimizer.zero_grad()
        loss = accumulate_gradients(self._base_model, self.learner, batch, self.manual_backward)
        self.loss = loss.item()
        self._require_finite(self.loss, "loss")
        optimizer.step()
        self.step += 1

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradient, which by now is free of any loss scale."""
        if self._training.gradient_clip_val is not None:
            parameters = self.learner.trainable_parameters()
            axis, dims = self._base_model.mesh.tensor, self.learner.shared_out()
            if axis.size > 1 and dims:
                clip_gradient(parameters, dims, axis, self._training.gradient_clip_val)
            else:
                torch.nn.utils.clip_grad_norm_(parameters, self._training.gradient_clip_val)

    def whole_optimizer_state(self) -> dict[str, Any]:
        """The optimizer's state for a checkpoint, which knows no layout. Collective."""
        optimizer: Any = self.optimizers(use_pl_optimizer=False)
        axis = self._base_model.mesh.tensor
        return whole_optimizer_state(optimizer.state_dict(), self.learner.shared_out(), axis)

    def on_validation_epoch_start(self) -> None:
        """Make the tables once for all validation batches."""
        self._tables = self.learner.tables()
        self._sums = dict.fromkeys(self.learner.trained_tasks, 0.0)
        self._counts = dict.fromkeys(self.learner.trained_tasks, 0)

    def validation_step(self, batch: PackedBatch, batch_idx: int) -> None:
        """Add the batch's loss sums to those of its tasks."""
        sums = loss_sums(self._base_model, batch, self._tables)
        for task, total, count in zip(sums.tasks, sums.sums_K.tolist(), sums.counts, strict=True):
            self._sums[task] += total
            self._counts[task] += count

    def on_validation_epoch_end(self) -> None:
        """Mean loss over all loss tokens, and over those of each task that has any."""
        self._sum_over_mesh()
        by_task = {
            f"val_loss/{task}": self._sums[task] / count
            for task, count in self._counts.items()
            if count
        }
        loss = sum(self._sums.values()) / max(1, sum(self._counts.values()))
        self._require_finite(loss, "val_loss")
        self.losses = {"val_loss": loss, **by_task}
        early_stopping = self._training.early_stopping
        self.validation = after_validation(self.validation, self.step, loss, early_stopping)
        self.validated_step = self.step
        self.trainer.should_stop = stops_early(self.validation, early_stopping)

    def _sum_over_mesh(self) -> None:
        """The replicas' sums and counts, made those of all rows; last stages alone have any."""
        mesh = self._base_model.mesh
        self._base_model.link.flush()
        if mesh.data.size * mesh.pipeline.size == 1:
            return
        own = [*self._sums.values(), *map(float, self._counts.values())]
        sums = torch.tensor(own, dtype=torch.float64, device=self._base_model.device)
        totals = mesh.data.add(mesh.pipeline.add(sums)).tolist()
        self._sums = dict(zip(self._sums, totals, strict=False))
        self._counts = dict(zip(self._counts, map(round, totals[len(self._sums) :]), strict=True))

    def _require_finite(self, loss: float, name: str) -> None:
        if not math.isfinite(loss):
            raise RunFailure(f"The {name} at step {self.step + 1} is {loss}", _NOT_FINITE_HELP)
