"""A run's training on Lightning's Trainer. Takes seconds to import: see training.py."""

import logging
import warnings
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Any

import pytorch_lightning as pl
import torch
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from pytorch_lightning.loggers import Logger

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import Precision
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.batches import TrainingBatches, ValidationBatches
from softprompt_runtime.checkpoints import Checkpoint, best_checkpoint, newest_checkpoint
from softprompt_runtime.data_module import PromptData
from softprompt_runtime.examples import Examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.history import History
from softprompt_runtime.lightning_module import PromptTraining
from softprompt_runtime.loggers import create_loggers
from softprompt_runtime.parallel.mesh import Mesh
from softprompt_runtime.parallel.strategy import MeshStrategy
from softprompt_runtime.progress import ProgressDisplay, create_progress
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.recorder import Recorder, Recording
from softprompt_runtime.resume import starting_checkpoint
from softprompt_runtime.run import Run, keep_plan
from softprompt_runtime.run_identity import identity_of
from softprompt_runtime.stopping import StopSignals


def train_prompts(
    run: Run,
    base_model: BaseModel,
    learner: PromptLearner,
    train: Examples,
    validation: Examples,
) -> None:
    """Does what `training.fit` promises."""
    plan, tasks = run.plan.training, learner.trained_tasks
    device = run.mesh.device
    _require_precision(run.plan, base_model, device)
    _require_rows(train, tasks)
    data = run.mesh.data
    batches = TrainingBatches(train, [run.plan.task(name) for name in tasks], plan, data)
    validation_batches = ValidationBatches(validation, tasks, plan.micro_batch_size, data)
    identity = identity_of(
        run.plan,
        base_model=base_model.fingerprint,
        train_rows=train.digest,
        validation_rows=validation.digest,
    )
    resumed = run.mesh.on_main(lambda: _start(run, identity))
    base_model.to(device)
    training = PromptTraining(base_model, learner.to(device), plan, batches.total_steps)
    if resumed is not None:
        training.go_on_from(resumed)
    with closing(create_progress(speaks=run.mesh.is_main)) as progress, StopSignals() as signals:
        _say_what_is_left_out(progress, train, validation)
        if resumed is not None and resumed.finished:
            progress.say("this training has already finished")
        else:
            recording = Recording(
                run=run,
                identity=identity,
                validates=len(validation_batches) > 0,
                progress=progress,
                signals=signals,
                resumed=resumed,
            )
            _run_lightning(training, batches, validation_batches, recording)
        _say_how_it_ended(progress, training)
    _take_best(run, learner)


def _start(run: Run, identity: dict[str, str]) -> Checkpoint | None:
    """The checkpoint to go on from; the plan is kept beside it."""
    resumed = starting_checkpoint(run.checkpoints_folder, identity, run.plan.training.resume)
    keep_plan(run)
    return resumed


def _run_lightning(
    training: PromptTraining,
    batches: TrainingBatches,
    validation: ValidationBatches,
    recording: Recording,
) -> None:
    run, validates, step = recording.run, recording.validates, training.step
    device = training.learner.trainable_parameters()[0].device  # the module's own is not set yet
    validation_is_due = validates and training.validated_step != step and batches.ends_period(step)
    if step:
        recording.progress.say(f"going on from step {step} of {training.total_steps}")
    history = History(run.history_file)
    loggers: list[Logger] = []
    if run.mesh.is_main:
        loggers = create_loggers(run, history.cut_after(step, training.validated_step))
    with _without_chatter():
        trainer = pl.Trainer(
            **_place(run.mesh, device),
            precision=_lightning_precision(run.plan.training.precision),
            max_epochs=batches.num_periods(step),
            # What Lightning runs before training is here a validation that a stopped run owes.
            num_sanity_val_steps=-1 if validation_is_due else 0,
            limit_val_batches=1.0 if validates else 0,
            log_every_n_steps=1,
            reload_dataloaders_every_n_epochs=1,
            logger=loggers,
            callbacks=[Recorder(recording, batches, history, loggers)],
            default_root_dir=run.folder,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        trainer.fit(training, datamodule=PromptData(training, batches, validation))


def _place(mesh: Mesh, device: torch.device) -> dict[str, Any]:
    """Where this process trains. The launcher's variables were read when the mesh was joined.

    Lightning must not read them again: it would start processes, or count devices, of its own.
    """
    place: dict[str, Any] = {
        "accelerator": "cpu" if device.type == "cpu" else "gpu",
        "devices": 1 if device.type == "cpu" else [device.index],
        "plugins": [LightningEnvironment()],
    }
    return place if mesh.is_single else {**place, "strategy": MeshStrategy(mesh)}


def _take_best(run: Run, learner: PromptLearner) -> None:
    """Put the best tables into the learner; the last ones where nothing was validated."""
    learner.load_state_dict(run.mesh.on_main(lambda: _best(run).learner))
    learner.eval()


def _best(run: Run) -> Checkpoint:
    last = newest_checkpoint(run.checkpoints_folder)
    assert last is not None, "a finished training has saved its last step"
    return best_checkpoint(run.checkpoints_folder, last)


def _require_rows(train: Examples, tasks: tuple[str, ...]) -> None:
    for task in tasks:
        if not train.of_tasks([task]):
            skipped = train.num_skipped[task]
            why = f": all {skipped} are too long and skipped" if skipped else ""
            raise RunFailure(f"Task {task!r} has no training rows{why}")


def _require_precision(plan: Plan, base_model: BaseModel, device: torch.device) -> None:
    precision = plan.training.precision
    if precision is Precision.FP16_MIXED and device.type == "cpu":
        help = "Use 32-true or bf16-mixed on a CPU."
        raise RunFailure("training.precision 16-mixed needs a GPU", help)
    if precision is Precision.BF16 and base_model.dtype != torch.bfloat16:
        raise RunFailure(
            "training.precision bf16-true needs a base model in bfloat16, and the plan's "
            f"model.dtype is {plan.model.dtype}",
            "Set model.dtype: bfloat16. Virtual tokens and encoder stay float32 all the same.",
        )


def _lightning_precision(precision: Precision) -> Any:
    """`bf16-true` says what the base model's weights are; what trains stays float32."""
    return Precision.FP32.value if precision is Precision.BF16 else precision.value


def _say_what_is_left_out(progress: ProgressDisplay, train: Examples, validation: Examples) -> None:
    for examples in (train, validation):
        for task, count in examples.num_skipped.items():
            if count:
                progress.say(f"{task}: {count} {examples.split} rows are too long and left out")


def _say_how_it_ended(progress: ProgressDisplay, training: PromptTraining) -> None:
    best = training.validation
    if best.best_step is None:
        progress.say(f"trained {training.step} steps")
        return
    early = "" if training.step == training.total_steps else "stopped early: "
    progress.say(
        f"{early}trained {training.step} steps; best val_loss {best.best_loss:.4f} "
        f"at step {best.best_step}"
    )


_NOT_OUR_USERS = (
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
    r"Total length of `.*` across ranks is zero",
    r"The `srun` command is available on your system but is not used",
)


@contextmanager
def _without_chatter() -> Generator[None]:
    """Without what Lightning says that does not concern who runs a spec; its warnings stay.

    Banners and tips are log records of level INFO. The warnings named here are about calls between
    Lightning and torch, and about a period without steps, which is meant: see PromptData.
    """
    logger = logging.getLogger("pytorch_lightning.utilities.rank_zero")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            for message in _NOT_OUR_USERS:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        logger.setLevel(level)
