"""`training`: the optimization."""

from typing import Annotated

from pydantic import Field, Strict

from softprompt_compiler.spec.section import Count, CountOrZero, Items, Section, Seed, Word
from softprompt_plan.vocabulary import (
    LoggerName,
    OptimizerName,
    Precision,
    ResumePolicy,
    ScheduleName,
)

_Beta = Annotated[float, Field(ge=0, lt=1)]


class EarlyStoppingSection(Section):
    """Stop when `val_loss` no longer falls."""

    patience: Count = Field(
        default=10, description="Validations without an improvement before training stops."
    )
    min_delta: Annotated[float, Field(ge=0)] = Field(
        default=0.001, description="Fall of `val_loss` that counts as an improvement."
    )


class ScheduleSection(Section):
    """The learning rate over the optimizer steps."""

    name: Word[ScheduleName] = Field(
        default=ScheduleName.COSINE_ANNEALING,
        description="`cosine_annealing`: a linear warm-up, then a cosine down to `min_lr` at the "
        "last step. `constant`: a linear warm-up, then `lr`.",
    )
    warmup_steps: CountOrZero | None = Field(
        default=None,
        description="Optimizer steps of linear warm-up. Left out: 50, or a tenth of `max_steps` if "
        "that is less.",
        examples=[50],
    )
    constant_steps: CountOrZero = Field(
        default=0,
        description="Optimizer steps at `min_lr` at the end of `cosine_annealing`.",
    )
    min_lr: Annotated[float, Field(ge=0)] = Field(
        default=0.0, description="Learning rate at the end of `cosine_annealing`."
    )


class OptimSection(Section):
    """The optimizer of the trainable parameters."""

    name: Word[OptimizerName] = Field(default=OptimizerName.ADAMW, description="The optimizer.")
    lr: Annotated[float, Field(gt=0, le=100)] = Field(
        default=1e-3,
        description="Highest learning rate. Prompt encoders want about 1e-3 to 1e-4; free tables "
        "(`prompt-tuning`) bear 1e-2 and more.",
    )
    weight_decay: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.01, description="AdamW's decoupled weight decay."
    )
    betas: Annotated[tuple[_Beta, _Beta], Strict(False)] = Field(
        default=(0.9, 0.98), description="Decay of the averages of gradients and their squares."
    )
    sched: ScheduleSection = Field(
        default_factory=ScheduleSection, description="The learning-rate schedule."
    )


class TrainingSection(Section):
    """The optimization."""

    max_epochs: Count | None = Field(
        default=None,
        description="Passes over the training rows. 10 if neither this nor `max_steps` is given.",
        examples=[10],
    )
    max_steps: Count | None = Field(
        default=None,
        description="Optimizer steps, instead of `max_epochs`.",
        examples=[1000],
    )
    global_batch_size: Count = Field(
        default=16,
        description="Rows of one optimizer step, over all devices; a multiple of "
        "`micro_batch_size` times the data-parallel size.",
    )
    micro_batch_size: Count = Field(
        default=4, description="Rows of one forward pass on one device."
    )
    precision: Word[Precision] = Field(
        default=Precision.FP32,
        description="Precision of the computation, in Lightning's words.",
    )
    seed: Seed = Field(
        default=1234, description="Seed of the first values and of the order of rows."
    )
    gradient_clip_val: Annotated[float, Field(gt=0)] | None = Field(
        default=1.0,
        description="Largest L2 norm of the gradient over all trainable parameters; null: none.",
    )
    val_check_interval: Count | Annotated[float, Field(gt=0, le=1)] = Field(
        default=1.0,
        description="How often validation runs: a whole number of optimizer steps, or a share of "
        "an epoch (`0.25`; `1.0`: after each epoch).",
    )
    checkpoint_every_n_steps: Count = Field(
        default=50,
        description="Optimizer steps between two checkpoints, besides the one at each validation. "
        "A run that was killed goes on from the last.",
    )
    early_stopping: EarlyStoppingSection | None = Field(
        default=None,
        description="Stop when `val_loss` no longer falls. Left out: `patience` 10 and `min_delta` "
        "0.001 if every task has validation rows; null: never.",
        examples=[{"patience": 10, "min_delta": 0.001}],
    )
    resume: Word[ResumePolicy] = Field(
        default=ResumePolicy.AUTO,
        description="What happens if the run's folder holds checkpoints: `auto` goes on from them, "
        "`never` starts anew, `must` refuses to start without them.",
    )
    optim: OptimSection = Field(default_factory=OptimSection, description="The optimizer.")
    loggers: Items[Word[LoggerName]] = Field(
        default=(LoggerName.CSV, LoggerName.TENSORBOARD),
        description="Where the training curves are written.",
    )
