"""Which rows make which global batch: a function of the seed and the step, and of nothing else.

So a resumed run goes on exactly where it stopped, on any layout of processes.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from softprompt_plan.mixing import visits_per_epoch
from softprompt_plan.run_length import steps_per_epoch

Rows: TypeAlias = npt.NDArray[np.int64]

_DRAW = 1  # spawn key of the draws: another stream than the mixing's


@dataclass(frozen=True, kw_only=True)
class TaskRows:
    """The rows of one task. Those of several are numbered one task after the other."""

    num_rows: int
    weight: float  # visits of each row in an epoch

    @property
    def num_visits(self) -> int:
        """Rows of the task in one epoch, those visited several times counted so."""
        return visits_per_epoch(self.num_rows, self.weight)


def num_visits(tasks: tuple[TaskRows, ...]) -> int:
    """Rows in one epoch."""
    return sum(task.num_visits for task in tasks)


def rows_of_step(
    *, seed: int, step: int, tasks: tuple[TaskRows, ...], global_batch_size: int
) -> list[int]:
    """Row numbers of the global batch of optimizer step `step`, counted from 0.

    Every epoch visits the rows of all tasks, each as often as its task's weight says, mixed, in an
    order of its own. The last batch of an epoch holds what is left: with weights of 1 no row is
    dropped and none is seen twice. Raises ValueError for no rows.
    """
    if not num_visits(tasks):
        raise ValueError("there are no rows to order")
    epoch, batch = divmod(step, steps_per_epoch(num_visits(tasks), global_batch_size))
    start = batch * global_batch_size
    return epoch_order(seed, epoch, tasks)[start : start + global_batch_size].tolist()


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, tasks: tuple[TaskRows, ...]) -> Rows:
    """The rows of an epoch in the order of their visits."""
    starts = np.cumsum([0, *(task.num_rows for task in tasks)])
    parts = [_visited(seed, epoch, at, task) + starts[at] for at, task in enumerate(tasks)]
    rows = np.concatenate(parts)
    return rows[_permutation(np.random.SeedSequence([seed, epoch]), len(rows))]


def _visited(seed: int, epoch: int, number: int, task: TaskRows) -> Rows:
    """The task's rows of an epoch: whole passes, and for the rest the next rows of a fixed draw.

    So with a weight of 0.5 two epochs visit every row once.
    """
    passes, rest = divmod(task.num_visits, max(1, task.num_rows))
    rows = np.tile(np.arange(task.num_rows), passes)
    if not rest:
        return rows
    drawn = _permutation(np.random.SeedSequence([seed, number], spawn_key=(_DRAW,)), task.num_rows)
    return np.concatenate((rows, np.take(drawn, np.arange(rest) + epoch * rest, mode="wrap")))


def _permutation(seed: np.random.SeedSequence, num_rows: int) -> Rows:
    """A permutation, the same on every machine and with every version of numpy.

    numpy promises the stream of a bit generator, but not what `permutation` makes of it (NEP 19);
    hence the sort by random keys.
    """
    return np.argsort(np.random.PCG64(seed).random_raw(num_rows), kind="stable")


def micro_batches(rows: list[int], micro_batch_size: int) -> list[list[int]]:
    """The global batch cut into forward passes of at most `micro_batch_size` rows, in order."""
    return [rows[at : at + micro_batch_size] for at in range(0, len(rows), micro_batch_size)]
