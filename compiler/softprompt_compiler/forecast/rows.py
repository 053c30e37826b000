"""The rows that are trained on, as far as batches and memory depend on them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from softprompt_compiler.data_report import DataReport, SplitReport
from softprompt_compiler.lengths import Lengths
from softprompt_plan.mixing import visits_per_epoch
from softprompt_plan.part_lengths import PartKind
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.template import Template, VirtualMarker
from softprompt_plan.vocabulary import Split


@dataclass(frozen=True, kw_only=True)
class TaskRows:
    """One task's training rows. lengths: in tokens, as they are trained on.

    visits: of its rows in an epoch. num_leading: BOS and virtual tokens that a row begins with.
    num_targets: the most loss tokens of a row. asked: tokens of the longest test prompt, 0 if there
    is none.
    """

    task: str
    lengths: Lengths
    visits: int
    num_virtual: int
    num_leading: int
    num_targets: int
    asked: int

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""
        return self.lengths.longest


@dataclass(frozen=True, kw_only=True)
class TrainedRows:
    """All tasks that are trained. is_measured: from the data's rows; else as long as allowed."""

    tasks: tuple[TaskRows, ...]
    is_measured: bool

    @property
    def visits(self) -> int:
        """Rows of an epoch; 0 where the data was not read."""
        return sum(task.visits for task in self.tasks)

    @property
    def mean_length(self) -> float:
        """Tokens of a row."""
        if not self.visits:
            return max(task.lengths.mean for task in self.tasks)
        return sum(task.visits * task.lengths.mean for task in self.tasks) / self.visits

    def padded_length(self, num_rows: int) -> float:
        """Tokens that each of so many rows, drawn at random, would be padded to: their longest."""
        if not self.visits:
            return self.mean_length
        counts: dict[int, float] = {}
        for task in self.tasks:
            for length, rows in task.lengths.counts.items():
                share = task.visits * rows / (task.lengths.num_rows * self.visits)
                counts[length] = counts.get(length, 0.0) + share
        return _expected_longest(counts, num_rows)


def trained_rows(
    plan: Plan,
    templates: Mapping[str, Template],
    data: DataReport | None,
    kept_tasks: frozenset[str],
) -> TrainedRows:
    """The rows of the plan's training; without measured ones each is as long as it may be.

    kept_tasks: those of a trained soft prompt, which are not trained again.
    """
    measured = {} if data is None else {(each.task, each.split): each for each in data.splits}
    tasks = [
        _task_rows(plan, task, templates[task.name], measured, data is not None)
        for task in plan.tasks
        if task.name not in kept_tasks
    ]
    is_measured = data is not None and all(
        each.tokens is not None for each in data.splits if each.split is Split.TRAIN
    )
    return TrainedRows(tasks=tuple(tasks), is_measured=is_measured)


def _task_rows(
    plan: Plan,
    task: TaskPlan,
    template: Template,
    measured: Mapping[tuple[str, Split], SplitReport],
    is_read: bool,
) -> TaskRows:
    limit = plan.model.max_seq_length
    train, test = measured.get((task.name, Split.TRAIN)), measured.get((task.name, Split.TEST))
    num_rows = 0 if train is None else train.num_usable
    if train is None or train.tokens is None or not train.tokens.whole.num_rows:
        lengths = Lengths(counts={limit: max(1, num_rows)})
        targets = limit - task.num_virtual_tokens
    else:
        lengths = _cut(train.tokens.whole, limit)
        targets = _num_targets(task, train, lengths.longest)
    asked = test.tokens.whole.longest if test is not None and test.tokens is not None else 0
    return TaskRows(
        task=task.name,
        lengths=lengths,
        visits=visits_per_epoch(num_rows, task.weight) if is_read else 0,
        num_virtual=task.num_virtual_tokens,
        num_leading=_num_leading(task, template, plan),
        num_targets=max(1, targets),
        asked=min(asked, limit),
    )


def _cut(whole: Lengths, limit: int) -> Lengths:
    counts: dict[int, int] = {}
    for length, rows in whole.counts.items():
        counts[min(length, limit)] = counts.get(min(length, limit), 0) + rows
    return Lengths(counts=counts)


def _num_targets(task: TaskPlan, train: SplitReport, longest: int) -> int:
    """The longest answer and EOS; with loss on all text, all of the longest row but its prompt."""
    assert train.tokens is not None
    if not task.answer_only_loss:
        return longest - task.num_virtual_tokens
    parts = train.tokens.parts.items()
    answers = [lengths.longest for part, lengths in parts if part.kind is PartKind.ANSWER]
    return min(longest, sum(answers) + 1)


def _num_leading(task: TaskPlan, template: Template, plan: Plan) -> int:
    """BOS, and virtual tokens before any text: what all rows begin with for certain."""
    first = next(iter(template.segments), None)
    if not isinstance(first, VirtualMarker):
        return 0
    return task.virtual_token_splits[first.number] + int(plan.inference.add_bos)


def _expected_longest(shares: Mapping[int, float], num_rows: int) -> float:
    """Mean of the largest of `num_rows` draws."""
    return math.fsum(length * share for length, share in _shares_of_longest(shares, num_rows))


def _shares_of_longest(shares: Mapping[int, float], num_rows: int) -> Iterator[tuple[int, float]]:
    below = 0.0
    for length in sorted(shares):
        up_to = min(1.0, below + shares[length])
        yield length, up_to**num_rows - below**num_rows
        below = up_to
