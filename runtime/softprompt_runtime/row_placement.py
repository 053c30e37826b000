"""Lay tokenized rows out as segments: what is shared once, what needs no gradient apart."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise, takewhile
from typing import Protocol

from softprompt_runtime.row_layout import RowLayout

# Each further segment makes rows gather keys; below these shares of the tokens it does not pay.
_LEAST_SHARED = 0.02
_LEAST_STATIC = 0.1


class TokenizedRow(Protocol):
    """What packing reads of a `softprompt_plan.example.Example`."""

    @property
    def task(self) -> str:
        """Name of the row's task."""
        ...

    @property
    def input_ids(self) -> tuple[int, ...]:
        """Token ids; -1-k is virtual token k of the task."""
        ...

    @property
    def loss_mask(self) -> tuple[bool, ...]:
        """Which tokens of input_ids are to be predicted."""
        ...


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A layout, and for each row the packed position of each of its tokens."""

    layout: RowLayout
    positions: list[list[int]]


def place(rows: Sequence[TokenizedRow], *, share_prefixes: bool, split_static: bool) -> Placement:
    """Segments for the rows, in order; a task's shared ones right before its first row."""
    tasks = {row.task for row in rows}
    shared = {task: _shared_length(rows, task) if share_prefixes else 0 for task in tasks}
    static = [_num_static(row) if split_static else 0 for row in rows]
    if sum(static) < _LEAST_STATIC * sum(len(row.input_ids) for row in rows):
        static = [0] * len(rows)
    segments = _Segments()
    ends = [
        segments.add_row(row.task, len(row.input_ids), shared[row.task], num_static)
        for row, num_static in zip(rows, static, strict=True)
    ]
    layout = RowLayout(
        segment_lengths=tuple(segments.lengths),
        prefix_of=tuple(segments.prefix_of),
        static=tuple(segments.static),
    )
    return Placement(layout=layout, positions=[layout.positions_of(end) for end in ends])


@dataclass(kw_only=True)
class _Segments:
    """The segments so far."""

    lengths: list[int] = field(default_factory=list[int])
    prefix_of: list[int | None] = field(default_factory=list[int | None])
    static: list[bool] = field(default_factory=list[bool])
    shared: dict[tuple[str, int, int], int] = field(default_factory=dict[tuple[str, int, int], int])

    def add_row(self, task: str, length: int, num_shared: int, num_static: int) -> int:
        """Cut a row where sharing and statics end, add its new pieces, give its last segment.

        Every row has a last segment of its own, be it empty.
        """
        bounds = [*sorted({0, num_shared, num_static} - {length}), length]
        last: int | None = None
        for start, end in pairwise(bounds):
            is_shared = end <= num_shared and end < length
            known = self.shared.get((task, start, end)) if is_shared else None
            last = self._add(end - start, last, end <= num_static) if known is None else known
            if is_shared:
                self.shared[task, start, end] = last
        return self._add(0, None, False) if last is None else last

    def _add(self, length: int, prefix: int | None, static: bool) -> int:
        self.lengths.append(length)
        self.prefix_of.append(prefix)
        self.static.append(static)
        return len(self.lengths) - 1


def _shared_length(rows: Sequence[TokenizedRow], task: str) -> int:
    """Tokens that every row of the task begins with; 0 where sharing does not pay."""
    ids = [row.input_ids for row in rows if row.task == task]
    # every row lies between these two in the order of tuples
    pairs = zip(min(ids), max(ids), strict=False)
    length = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    saved = length * (len(ids) - 1)
    return length if saved >= _LEAST_SHARED * max(1, sum(map(len, ids))) else 0


def _num_static(row: TokenizedRow) -> int:
    """Tokens before the row's first virtual token: all, if there is none."""
    virtual = (t for t, token_id in enumerate(row.input_ids) if token_id < 0)
    return next(virtual, len(row.input_ids))
