"""How many optimizer steps an epoch and a run have. Both halves count alike."""

import math

from softprompt_plan.plan import TrainingPlan


def steps_per_epoch(num_rows: int, global_batch_size: int) -> int:
    """Optimizer steps of an epoch of `num_rows` rows; the last may be a smaller batch."""
    return math.ceil(num_rows / global_batch_size)


def steps_of_run(training: TrainingPlan, num_rows: int) -> int:
    """Optimizer steps of the whole run, `num_rows` being those of an epoch."""
    if training.max_steps is not None:
        return training.max_steps
    assert training.max_epochs is not None, "a plan sets max_epochs or max_steps"
    return training.max_epochs * steps_per_epoch(num_rows, training.global_batch_size)
