"""From examples to the batches of training and validation."""

from collections.abc import Iterator, Sequence
from typing import final

from softprompt_plan.example import Example
from softprompt_plan.plan import TaskPlan, TrainingPlan
from softprompt_plan.run_length import steps_of_run, steps_per_epoch
from softprompt_runtime.data_order import TaskRows, micro_batches, num_visits, rows_of_step
from softprompt_runtime.data_share import num_for_all, silent
from softprompt_runtime.examples import Examples
from softprompt_runtime.packing import PackedBatch, pack
from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.row_numbers import RowNumbers
from softprompt_runtime.schedule import validation_steps
from softprompt_runtime.train_step import GlobalBatch, pack_global_batch

# Without a backward pass no activations are kept, so that more rows fit than in training.
_VALIDATION_ROWS_FACTOR = 4


@final
class TrainingBatches:
    """The global batches of a run, each known by its step alone.

    The steps from one validation to the next are a period; the last one may be shorter.
    """

    def __init__(
        self,
        examples: Examples,
        tasks: Sequence[TaskPlan],
        training: TrainingPlan,
        data: Axis | None = None,
    ) -> None:
        """The rows of these tasks. data: the replicas that share out each global batch."""
        rows = [examples.of_tasks([task.name]) for task in tasks]
        counts = zip(rows, tasks, strict=True)
        self._examples = examples
        self._rows = RowNumbers(part for numbers in rows for part in numbers.ranges)
        self._tasks = tuple(TaskRows(num_rows=len(own), weight=task.weight) for own, task in counts)
        self._num_visits = num_visits(self._tasks)  # rows of an epoch
        self._training = training
        self._data = data
        self.total_steps = steps_of_run(training, self._num_visits) if self._num_visits else 0

    def batch(self, step: int) -> GlobalBatch:
        """The global batch of a step, counted from 0. Made when asked for: packing is quick."""
        training = self._training
        numbers = rows_of_step(
            seed=training.seed,
            step=step,
            tasks=self._tasks,
            global_batch_size=training.global_batch_size,
        )
        parts = micro_batches([self._rows[number] for number in numbers], training.micro_batch_size)
        return pack_global_batch([_examples(self._examples, part) for part in parts], self._data)

    def epoch(self, step: int) -> int:
        """The epoch that a step belongs to; both counted from 0."""
        return step // steps_per_epoch(self._num_visits, self._training.global_batch_size)

    def period_end(self, step: int) -> int:
        """The first step after `step` that a validation follows, or the end of the run."""
        length = validation_steps(self._training, self._num_visits)
        return min(self.total_steps, (step // length + 1) * length)

    def ends_period(self, step: int) -> bool:
        """Whether a validation is due once `step` steps are done."""
        return step > 0 and (step == self.total_steps or self.period_end(step - 1) == step)

    def num_periods(self, step: int) -> int:
        """Periods from `step` to the end of the run."""
        length = validation_steps(self._training, self._num_visits)
        return -(-self.total_steps // length) - step // length


@final
class Steps:
    """The batches of steps [start, stop), for one pass."""

    def __init__(self, batches: TrainingBatches, start: int, stop: int) -> None:
        self._batches = batches
        self._steps = range(start, stop)

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[GlobalBatch]:
        return map(self._batches.batch, self._steps)


@final
class ValidationBatches:
    """The rows of these tasks, in order, packed anew in each pass; a replica has its share."""

    def __init__(
        self,
        examples: Examples,
        tasks: Sequence[str],
        micro_batch_size: int,
        data: Axis | None = None,
    ) -> None:
        self._examples = examples
        self._data = data or Axis.alone()
        self._rows = examples.of_tasks(tasks)
        self._size = micro_batch_size * _VALIDATION_ROWS_FACTOR
        self.num_rows = len(self._rows)

    def __len__(self) -> int:
        return num_for_all(-(-self.num_rows // self._size), self._data)

    def __iter__(self) -> Iterator[PackedBatch]:
        starts = self._data.share(range(0, self.num_rows, self._size))
        for start in starts:
            yield pack(_examples(self._examples, self._rows[start : start + self._size]))
        if len(starts) < len(self):
            yield pack([silent(_examples(self._examples, self._rows[:1])[0])])


def _examples(examples: Examples, rows: Sequence[int]) -> list[Example]:
    items = [examples[row] for row in rows]
    found = [item for item in items if isinstance(item, Example)]
    assert len(found) == len(items), "training and validation rows all fit"
    return found
