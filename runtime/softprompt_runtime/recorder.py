"""What happens around the steps: history, loggers, checkpoints, progress, stopping on a signal."""

import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import Logger

from softprompt_runtime.batches import TrainingBatches
from softprompt_runtime.checkpoints import Checkpoint, save_checkpoint
from softprompt_runtime.history import Entry, History
from softprompt_runtime.lightning_module import PromptTraining
from softprompt_runtime.loggers import log_entry
from softprompt_runtime.progress import ProgressDisplay, StepReport
from softprompt_runtime.random_state import random_state, restore_random_state
from softprompt_runtime.run import Run, seed_everything
from softprompt_runtime.stopping import RunStopped, StopSignals
from softprompt_runtime.train_step import GlobalBatch


@final
@dataclass(frozen=True, kw_only=True)
class Recording:
    """What is recorded, and for whom.

    identity: what decides the result, for each checkpoint (run_identity.py). validates: whether
    there are validation rows. resumed: where the training goes on from.
    """

    run: Run
    identity: dict[str, str]
    validates: bool
    progress: ProgressDisplay
    signals: StopSignals
    resumed: Checkpoint | None


@final
class Recorder(pl.Callback):
    """Keeps the record of one training.

    A step that ends a period is recorded by the checkpoint after its validation; one saved before
    it, on a signal, says that the validation is still due.
    """

    def __init__(
        self,
        recording: Recording,
        batches: TrainingBatches,
        history: History,
        loggers: Sequence[Logger],
    ) -> None:
        self._to = recording
        self._batches = batches
        self._history = history
        self._loggers = loggers
        self._step_started = 0.0

    def on_sanity_check_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """A validation that was due when the run was stopped comes first."""
        self._begin(trainer)

    def on_train_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Put the random generators where they were, or at the run's seed."""
        self._begin(trainer)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: Any, batch: Any, batch_idx: int
    ) -> None:
        """Start the step's clock."""
        self._step_started = time.monotonic()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Record the step; save if it is time to; stop if a signal came."""
        training = _training(pl_module)
        assert isinstance(batch, GlobalBatch)
        self._record_step(training, batch)
        step, to = training.step, self._to
        self._stop_if_asked(trainer, training)
        validation_follows = to.validates and self._batches.ends_period(step)
        is_due = step % to.run.plan.training.checkpoint_every_n_steps == 0
        if not validation_follows and (is_due or training.finished):
            self._save(trainer, training)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Show that it runs."""
        self._to.progress.validation_started(sum(map(int, trainer.num_val_batches)))

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: Any,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Stop if a signal came: the validation is then done first thing after a resume."""
        self._to.progress.validation_batch_done()
        self._stop_if_asked(trainer, _training(pl_module))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: Any) -> None:
        """Record the losses and save."""
        training = _training(pl_module)
        self._record({"step": training.step, **training.losses})
        best = training.validation.best_loss
        assert best is not None
        self._to.progress.validation_done(training.step, training.losses["val_loss"], best)
        self._save(trainer, training)

    def _record_step(self, training: PromptTraining, batch: GlobalBatch) -> None:
        self._record(
            {
                "step": training.step,
                "epoch": self._batches.epoch(training.step - 1),
                "loss": training.loss,
                "lr": training.lr,
                "rows": batch.num_rows,
                "tokens": batch.num_tokens,
            }
        )
        report = StepReport(
            step=training.step,
            total_steps=training.total_steps,
            loss=training.loss,
            num_rows=batch.num_rows,
            seconds=time.monotonic() - self._step_started,
        )
        self._to.progress.step_done(report)

    def _record(self, entry: Entry) -> None:
        if not self._to.run.mesh.is_main:
            return
        self._history.append(entry)
        log_entry(self._loggers, entry)

    def _save(self, trainer: pl.Trainer, training: PromptTraining) -> None:
        validated = not self._to.validates or training.validated_step == training.step
        checkpoint = Checkpoint(
            step=training.step,
            finished=training.finished and validated,
            validated_step=training.validated_step,
            validation=training.validation,
            identity=self._to.identity,
            learner=training.learner.state_dict(),
            optimizer=training.whole_optimizer_state(),
            precision=trainer.precision_plugin.state_dict(),
            random=random_state(),
        )
        run = self._to.run
        run.mesh.on_main(lambda: save_checkpoint(run.checkpoints_folder, checkpoint))

    def _stop_if_asked(self, trainer: pl.Trainer, training: PromptTraining) -> None:
        """Stop at this step if a signal has reached any process: all agree, and all stop here."""
        mesh, own = self._to.run.mesh, self._to.signals.received
        if not mesh.is_single:
            agreed = mesh.world.largest(torch.tensor(own or 0, device=mesh.device))
            own = int(agreed) or None
        if own is not None:
            self._stop(trainer, training, own)

    def _stop(self, trainer: pl.Trainer, training: PromptTraining, number: int) -> None:
        self._save(trainer, training)
        name = signal.Signals(number).name
        raise RunStopped(
            number,
            f"{name} came; step {training.step} of {training.total_steps} is saved, and the same "
            "command goes on from there",
        )

    def _begin(self, trainer: pl.Trainer) -> None:
        """May be called twice, before any step.

        Only now are the signals taken over: Lightning has just set handlers of its own, which would
        act in the middle of a step.
        """
        if self._to.resumed is None:
            seed_everything(self._to.run.plan.training.seed)
        else:
            restore_random_state(self._to.resumed.random)
            trainer.precision_plugin.load_state_dict(self._to.resumed.precision)
        self._to.signals.take_over()


def _training(pl_module: Any) -> PromptTraining:
    assert isinstance(pl_module, PromptTraining)
    return pl_module
