"""Tokenized rows in flat arrays: five bytes a token, however many rows there are."""

import hashlib
from array import array
from collections.abc import Sequence
from typing import TypeAlias, final

from softprompt_plan.example import Example

_Cuts: TypeAlias = tuple[tuple[tuple[str, int], ...], tuple[tuple[int, int], ...]]
_NO_CUTS: _Cuts = ((), ())
_NONE = -1  # no answer start


@final
class RowStore:
    """Examples, appended once and read by number, each as it was."""

    def __init__(self, tasks: Sequence[str]) -> None:
        self._tasks = tuple(tasks)
        self._ids = array("i")
        self._loss_mask = bytearray()
        self._ends = array("q", [0])
        self._task_of = array("H")
        self._answer_starts = array("i")
        self._cuts: dict[int, _Cuts] = {}  # few rows are cut

    def __len__(self) -> int:
        return len(self._task_of)

    def append(self, example: Example) -> int:
        """Keep the example; its number, counted from 0."""
        number = len(self)
        self._ids.extend(example.input_ids)
        self._loss_mask.extend(example.loss_mask)
        self._ends.append(len(self._ids))
        self._task_of.append(self._tasks.index(example.task))
        start = example.answer_start
        self._answer_starts.append(_NONE if start is None else start)
        if example.cut:
            self._cuts[number] = (example.cut, example.cut_spans)
        return number

    def __getitem__(self, number: int) -> Example:
        start, end = self._ends[number], self._ends[number + 1]
        answer_start = self._answer_starts[number]
        cut, cut_spans = self._cuts.get(number, _NO_CUTS)
        return Example(
            task=self._tasks[self._task_of[number]],
            input_ids=tuple(self._ids[start:end]),
            answer_start=None if answer_start == _NONE else answer_start,
            loss_mask=tuple(map(bool, self._loss_mask[start:end])),
            cut=cut,
            cut_spans=cut_spans,
        )

    def task_of(self, number: int) -> str:
        """Task of an example, without building it."""
        return self._tasks[self._task_of[number]]

    def length(self, number: int) -> int:
        """Tokens of an example, virtual ones included, without building it."""
        return self._ends[number + 1] - self._ends[number]

    def digest(self) -> str:
        """sha256 of all that training sees: ids, loss masks, row borders and tasks."""
        sha = hashlib.sha256(repr(self._tasks).encode())
        for part in (self._ids, self._loss_mask, self._ends, self._task_of):
            sha.update(memoryview(part).cast("B"))
        return sha.hexdigest()
