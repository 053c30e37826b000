from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.plugins.precision import MixedPrecision

from softprompt_runtime.batches import TrainingBatches, ValidationBatches
from softprompt_runtime.checkpoints import Checkpoint
from softprompt_runtime.data_module import PromptData
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.lightning_module import PromptTraining
from softprompt_runtime.validation_state import ValidationState
from tests.runtime.plans import tiny_plan
from tests.runtime.training_runs import make_ready

# Between Lightning and torch; trainer.py silences it for users.
pytestmark = pytest.mark.filterwarnings("ignore:`isinstance.treespec, LeafSpec.` is deprecated")


def training_of(folder: Path, **changes: Any) -> tuple[PromptTraining, PromptData]:
    plan = tiny_plan(**changes)
    ready = make_ready(plan, folder)
    batches = TrainingBatches(ready.train, plan.tasks, plan.training)
    training = PromptTraining(ready.base_model, ready.learner, plan.training, batches.total_steps)
    validation = ValidationBatches(ready.validation, ["mood"], 2)
    return training, PromptData(training, batches, validation)


def norms_of_steps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the optimizer sees: the norm of the gradient at each of its steps."""
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def recording(self: Any, closure: Any = None) -> Any:
        result = closure() if closure is not None else None
        gradients = [p.grad for group in self.param_groups for p in group["params"]]
        norms.append(torch.stack([g.norm() for g in gradients if g is not None]).norm().item())
        step(self)
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", recording)
    return norms


def fit(training: PromptTraining, data: PromptData, **options: Any) -> None:
    trainer = pl.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        **options,
    )
    trainer.fit(training, datamodule=data)


def test_clipping_acts_on_the_true_gradient_whatever_the_loss_scale(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms = norms_of_steps(monkeypatch)
    training, data = training_of(folder, gradient_clip_val=0.01)
    fit(training, data)
    scaler: Any = torch.amp.GradScaler("cpu", init_scale=1024.0)  # pyright: ignore[reportPrivateImportUsage]
    training, data = training_of(folder, gradient_clip_val=0.01)
    fit(training, data, plugins=[MixedPrecision("16-mixed", "cpu", scaler)])

    assert len(norms) == 4
    assert norms == pytest.approx([0.01] * 4, rel=1e-3)


def test_the_base_model_is_no_part_of_the_module(folder: Path) -> None:
    training, _ = training_of(folder)

    assert {name.split(".")[0] for name in training.state_dict()} == {"learner"}
    trainable = {id(p) for p in training.learner.trainable_parameters()}
    assert {id(p) for p in training.parameters()} == trainable


def test_the_rate_follows_the_schedule_from_the_first_step(folder: Path) -> None:
    training, data = training_of(folder, max_steps=4, val_check_interval=4)
    rates: list[float] = []

    class Watch(pl.Callback):
        def on_train_batch_end(
            self, trainer: pl.Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            assert trainer.optimizers[0].param_groups[0]["lr"] == training.lr
            rates.append(training.lr)

    fit(training, data, callbacks=[Watch()])

    # warm-up of 1 step, then half a cosine over the other 3
    assert rates == pytest.approx([0.0005, 0.001, 0.00075, 0.00025])


def test_a_checkpoint_with_other_shapes_does_not_fit(folder: Path) -> None:
    training, _ = training_of(folder)
    learner = {name: value[:1] for name, value in training.learner.state_dict().items()}
    checkpoint = Checkpoint(
        step=1,
        finished=False,
        validated_step=0,
        validation=ValidationState(),
        identity={},
        learner=learner,
        optimizer={},
        precision={},
        random={},
    )

    with pytest.raises(RunFailure, match="does not fit the plan"):
        training.go_on_from(checkpoint)
