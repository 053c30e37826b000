"""Learning rate of each optimizer step. Plain numbers: no torch.

The curves are those of NeMo 1.17's CosineAnnealing, which users of its configurations expect.
"""

import math

from softprompt_plan.plan import OptimPlan, SchedulePlan, TrainingPlan
from softprompt_plan.run_length import steps_per_epoch
from softprompt_plan.vocabulary import ScheduleName


def learning_rate(optim: OptimPlan, step: int, total_steps: int) -> float:
    """The rate of optimizer step `step`, counted from 0, in a run of `total_steps`.

    Linear warm-up over `warmup_steps`; then, by name, half a cosine down to `min_lr` at
    `total_steps`, the last `constant_steps` of it at `min_lr`; or the full rate to the end.
    """
    sched = optim.sched
    if sched.name is ScheduleName.CONSTANT:
        return optim.lr * min(1.0, (step + 1) / (sched.warmup_steps + 1))
    if sched.constant_steps:
        return _cosine_with_constant_end(optim.lr, sched, step, total_steps)
    return _cosine(optim.lr, sched, step, total_steps)


def validation_steps(training: TrainingPlan, num_rows: int) -> int:
    """Optimizer steps from one validation to the next, at least 1.

    A float `val_check_interval` is a share of an epoch (above 1: of several), rounded to steps.
    """
    interval = training.val_check_interval
    if isinstance(interval, int):
        return max(1, interval)
    return max(1, round(interval * steps_per_epoch(num_rows, training.global_batch_size)))


def _cosine(lr: float, sched: SchedulePlan, step: int, total_steps: int) -> float:
    """NeMo's form without constant steps: warm-up starts above 0, at lr / (warmup_steps + 1)."""
    if 0 < sched.warmup_steps >= step:
        return lr * (step + 1) / (sched.warmup_steps + 1)
    if step > total_steps:
        return sched.min_lr
    progress = (step - sched.warmup_steps) / (total_steps - sched.warmup_steps)
    return sched.min_lr + (lr - sched.min_lr) * _half_cosine(progress)


def _cosine_with_constant_end(lr: float, sched: SchedulePlan, step: int, total_steps: int) -> float:
    """Megatron-LM's form, which NeMo takes when `constant_steps` is set: warm-up starts at 0."""
    decay_steps = total_steps - sched.warmup_steps - sched.constant_steps
    if 0 < sched.warmup_steps >= step:
        return lr * step / sched.warmup_steps
    if step > sched.warmup_steps + decay_steps or decay_steps <= 0:
        return sched.min_lr
    progress = (step - sched.warmup_steps) / decay_steps
    return sched.min_lr + (lr - sched.min_lr) * _half_cosine(progress)


def _half_cosine(progress: float) -> float:
    """1 at progress 0, 0 at progress 1."""
    return 0.5 * (1.0 + math.cos(math.pi * progress))
