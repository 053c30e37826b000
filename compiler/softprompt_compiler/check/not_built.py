"""SP0108: values that the language has and that are not built yet.

What the whole product lacks is refused by every command. What only the runtime lacks is refused
where a run is to come of it: `spec validate` and `spec plan` can still tell all about such a spec.
"""

from collections.abc import Iterator
from enum import StrEnum

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tree import Path
from softprompt_plan.vocabulary import (
    ActivationsCheckpoint,
    LoggerName,
)


class Feature(StrEnum):
    """What a spec can ask of the runtime beyond one process that keeps its activations."""

    TENSOR_PARALLEL = "tensor parallelism"
    PIPELINE_PARALLEL = "pipeline parallelism"
    SEQUENCE_PARALLEL = "sequence parallelism"
    DEVICES = "training on several devices"
    NODES = "training on several machines"
    SELECTIVE_CHECKPOINT = "computing some activations again"
    FULL_CHECKPOINT = "computing all activations again"


NOT_BUILT: frozenset[Feature] = frozenset()
"""What the runtime lacks today. Whoever builds a feature takes it out, here and nowhere else."""

_LAYOUT = (
    ("tensor_model_parallel_size", Feature.TENSOR_PARALLEL),
    ("pipeline_model_parallel_size", Feature.PIPELINE_PARALLEL),
    ("devices", Feature.DEVICES),
    ("num_nodes", Feature.NODES),
)
_CHECKPOINTS = {
    ActivationsCheckpoint.SELECTIVE: Feature.SELECTIVE_CHECKPOINT,
    ActivationsCheckpoint.FULL: Feature.FULL_CHECKPOINT,
}
_LOGGERS = (LoggerName.WANDB, LoggerName.MLFLOW)


def check_runnable(resolved: ResolvedSpec) -> list[Diagnostic]:
    """What a sound spec asks of the runtime that it lacks."""
    return [
        _not_built(resolved, ("parallelism", key), feature.value, hint)
        for key, feature, hint in _asked(resolved)
        if feature in NOT_BUILT
    ]


def _asked(resolved: ResolvedSpec) -> Iterator[tuple[str, Feature, str]]:
    """Key under `parallelism`, the feature it asks for, and what to write without it."""
    layout = resolved.spec.parallelism
    for key, feature in _LAYOUT:
        if getattr(layout, key) > 1:
            yield key, feature, f"write `{key}: 1`"
    if layout.sequence_parallel:
        yield "sequence_parallel", Feature.SEQUENCE_PARALLEL, "write `false`"
    if layout.activations_checkpoint in _CHECKPOINTS:
        hint = "write `none`; a smaller `micro_batch_size` saves memory too"
        yield "activations_checkpoint", _CHECKPOINTS[layout.activations_checkpoint], hint


def check_loggers_built(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Curves are written to files."""
    for at, logger in enumerate(resolved.spec.training.loggers):
        if logger in _LOGGERS:
            hint = "write `csv` or `tensorboard`"
            yield _not_built(resolved, ("training", "loggers", at), f"logger `{logger}`", hint)


def _not_built(resolved: ResolvedSpec, path: Path, feature: str, hint: str) -> Diagnostic:
    return rules.NOT_BUILT_YET.at(resolved.place(*path), feature=feature, help=hint)
