"""SP0108: values that the language has and that are not built yet."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tree import Path
from softprompt_plan.vocabulary import (
    ActivationsCheckpoint,
    LoggerName,
)

_PARALLEL = (
    ("tensor_model_parallel_size", "tensor parallelism"),
    ("pipeline_model_parallel_size", "pipeline parallelism"),
    ("devices", "training on several devices"),
    ("num_nodes", "training on several machines"),
)
_LOGGERS = (LoggerName.WANDB, LoggerName.MLFLOW)


def check_parallelism_built(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """A run is one process on one device."""
    layout = resolved.spec.parallelism
    for key, feature in _PARALLEL:
        if getattr(layout, key) > 1:
            hint = f"write `{key}: 1`; a run is one process on one device"
            yield _not_built(resolved, ("parallelism", key), feature, hint)
    if layout.sequence_parallel:
        path = ("parallelism", "sequence_parallel")
        yield _not_built(resolved, path, "sequence parallelism", "write `false`")


def check_checkpointing_built(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Activations are kept."""
    if resolved.spec.parallelism.activations_checkpoint is not ActivationsCheckpoint.NONE:
        path = ("parallelism", "activations_checkpoint")
        hint = "write `none`; a smaller `micro_batch_size` saves memory too"
        yield _not_built(resolved, path, "computing activations again", hint)


def check_memory_plan_built(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Nothing reckons with the memory of a GPU."""
    if resolved.spec.parallelism.gpu is not None:
        hint = "leave it out; `accelerator: gpu` takes whatever GPU there is"
        yield _not_built(resolved, ("parallelism", "gpu"), "the memory plan", hint)


def check_loggers_built(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Curves are written to files."""
    for at, logger in enumerate(resolved.spec.training.loggers):
        if logger in _LOGGERS:
            hint = "write `csv` or `tensorboard`"
            yield _not_built(resolved, ("training", "loggers", at), f"logger `{logger}`", hint)


def _not_built(resolved: ResolvedSpec, path: Path, feature: str, hint: str) -> Diagnostic:
    return rules.NOT_BUILT_YET.at(resolved.place(*path), feature=feature, help=hint)
