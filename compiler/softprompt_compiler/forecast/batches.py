"""Batches, steps and tokens of a run."""

from dataclasses import dataclass

from softprompt_compiler.forecast.rows import TrainedRows
from softprompt_plan.plan import Plan
from softprompt_plan.run_length import steps_of_run, steps_per_epoch


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Global batch = micro-batch x accumulation x data parallel size; the last of an epoch is less.

    rows_per_epoch, steps_per_epoch, tokens_per_epoch: None where the data was not read.
    tokens_per_step: of a full global batch, on average. padded_tokens_per_step: were each row
    padded to the longest of its micro-batch. shared_tokens_per_step: of a step's tokens, those that
    begin several rows of a micro-batch and are computed once.
    """

    global_batch_size: int
    micro_batch_size: int
    accumulation: int
    data_parallel: int
    rows_per_epoch: int | None
    steps_per_epoch: int | None
    total_steps: int | None
    tokens_per_step: float
    padded_tokens_per_step: float
    shared_tokens_per_step: float
    tokens_per_epoch: int | None

    @property
    def total_tokens(self) -> int | None:
        """Of the whole run."""
        if self.total_steps is None:
            return None
        if self.tokens_per_epoch is None or not self.steps_per_epoch:
            return round(self.total_steps * self.tokens_per_step)
        return round(self.total_steps / self.steps_per_epoch * self.tokens_per_epoch)

    @property
    def padding_share(self) -> float:
        """Of the tokens of padded batches, those that would be padding. Packed ones have none."""
        return 1 - self.tokens_per_step / self.padded_tokens_per_step


def batches_of(plan: Plan, rows: TrainedRows) -> Batches:
    """The arithmetic of the plan's batches."""
    training, replicas = plan.training, plan.parallelism.data_parallel_size
    accumulation = -(-training.global_batch_size // (training.micro_batch_size * replicas))
    visits = rows.visits or None
    size = training.global_batch_size
    micro = min(training.micro_batch_size, size)
    leading = sum(task.num_leading * max(1, task.visits) for task in rows.tasks)
    leading_mean = leading / sum(max(1, task.visits) for task in rows.tasks)
    return Batches(
        global_batch_size=size,
        micro_batch_size=training.micro_batch_size,
        accumulation=accumulation,
        data_parallel=replicas,
        rows_per_epoch=visits,
        steps_per_epoch=None if visits is None else steps_per_epoch(visits, size),
        total_steps=training.max_steps if visits is None else steps_of_run(training, visits),
        tokens_per_step=size * rows.mean_length,
        padded_tokens_per_step=size * rows.padded_length(micro),
        shared_tokens_per_step=size * leading_mean * (micro - 1) / micro,
        tokens_per_epoch=None if visits is None else round(visits * rows.mean_length),
    )
