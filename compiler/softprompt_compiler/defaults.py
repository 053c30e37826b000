"""Defaults that depend on other fields, for the checks and for the plan alike."""

from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.spec.task import TaskSection
from softprompt_compiler.spec.training import EarlyStoppingSection, TrainingSection

DEFAULT_MAX_EPOCHS = 10
DEFAULT_WARMUP_STEPS = 50
DEFAULT_VIRTUAL_TOKENS = 10


def splits(task: TaskSection, num_markers: int) -> tuple[int, ...]:
    """Virtual tokens at each marker, the default filled in."""
    if task.virtual_token_splits is not None:
        return task.virtual_token_splits
    total = task.total_virtual_tokens or DEFAULT_VIRTUAL_TOKENS
    each, over = divmod(total, num_markers)
    return tuple(each + (at < over) for at in range(num_markers))


def answer_only_loss(task: TaskSection) -> bool:
    """Whether only the answer counts, the default filled in."""
    if task.answer_only_loss is None:
        return task.answer_field is not None
    return task.answer_only_loss


def warmup_steps(training: TrainingSection) -> int:
    """Steps of warm-up, the default filled in."""
    given = training.optim.sched.warmup_steps
    if given is not None:
        return given
    if training.max_steps is None:
        return DEFAULT_WARMUP_STEPS
    return min(DEFAULT_WARMUP_STEPS, training.max_steps // 10)


def early_stopping(spec: Spec) -> EarlyStoppingSection | None:
    """When training stops early, the default filled in."""
    if "early_stopping" in spec.training.model_fields_set:
        return spec.training.early_stopping
    validated = all(task.data.validation is not None for task in spec.tasks.values())
    return EarlyStoppingSection() if validated else None


def names(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """None, one or several as a tuple."""
    if given is None:
        return ()
    return (given,) if isinstance(given, str) else given
