"""The tokenized rows of one task and split, read from where they lie, one by one."""

import hashlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias, final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from softprompt_plan.example import Example, Unfit, UnfitReason, loss_mask_of
from softprompt_runtime.row_columns import NO_ANSWER, NUM_SKIPPED, SCHEMA

Numbers: TypeAlias = npt.NDArray[np.integer[Any]]


@final
@dataclass(frozen=True, kw_only=True)
class RowOrigin:
    """Where an example comes from. `id` is unique among the split's rows.

    line: 1-based; of a file that has no lines, the row's number. file: for a split of a data set,
    the text that names it.
    references: answers of a test row in the data; empty where it has none.
    """

    task: str
    id: str  # TASK:N, the N-th row of the task's files from 0, those not taken counted
    file: Path
    line: int
    references: tuple[str, ...]


@final
class RowTable:
    """Rows that `write_rows` wrote, as they were: nothing is copied before it is asked for."""

    def __init__(self, source: Any, task: str, files: Sequence[Path]) -> None:
        """source: an Arrow file, best a memory-mapped one. files: those that the rows count.

        Raises ValueError or OSError for anything that `write_rows` did not write.
        """
        reader = pa.ipc.open_file(source)
        if reader.schema != SCHEMA:
            raise ValueError("the columns are others")
        self._task = task
        self._files = tuple(files)
        parts = range(reader.num_record_batches)
        self._batches = [_Batch.of(reader.get_batch(at)) for at in parts]
        self._starts = np.cumsum([0, *map(len, self._batches)]).tolist()
        self.num_skipped = _num_skipped(reader)

    def __len__(self) -> int:
        return self._starts[-1]

    def item(self, index: int) -> Example | Unfit:
        """Row `index`, counted from 0."""
        return (at := self._at(index))[0].item(at[1], self._task)

    def origin(self, index: int) -> RowOrigin:
        """Where row `index` comes from."""
        batch, row = self._at(index)
        return RowOrigin(
            task=self._task,
            id=f"{self._task}:{batch.number[row]}",
            file=self._files[batch.file[row]],
            line=int(batch.line[row]),
            references=tuple(batch.references[row].as_py()),
        )

    def length(self, index: int) -> int:
        """Tokens of row `index`; 0 for an Unfit."""
        batch, row = self._at(index)
        return int(batch.ends[row + 1] - batch.ends[row])

    def examples(self) -> "Iterator[ExampleColumns]":
        """The columns that training sees, batch by batch, without the rows that do not fit."""
        return (batch.examples() for batch in self._batches)

    def _at(self, index: int) -> "tuple[_Batch, int]":
        number = bisect_right(self._starts, index) - 1
        return self._batches[number], index - self._starts[number]


def _num_skipped(reader: Any) -> int:
    last = reader.num_record_batches - 1
    metadata = reader.get_batch_with_custom_metadata(last).custom_metadata if last >= 0 else None
    if metadata is None or NUM_SKIPPED not in metadata:
        raise ValueError("the end is missing")
    return int(metadata[NUM_SKIPPED])


@final
@dataclass(frozen=True, kw_only=True)
class ExampleColumns:
    """Examples of a batch. Row r has the ids from ends[r] to ends[r + 1]."""

    ids: Numbers
    ends: Numbers
    answer_start: Numbers

    def loss_mask(self) -> npt.NDArray[np.bool_]:
        """`loss_mask_of` for all rows at once."""
        lengths = np.diff(self.ends)
        # Of each token: the position in the batch where its row's loss begins.
        begins = np.repeat(self.ends[:-1] + self.answer_start, lengths)
        whole = np.repeat(self.answer_start == NO_ANSWER, lengths)
        return np.where(whole, self.ids >= 0, np.arange(len(begins)) >= begins)


@final
@dataclass(frozen=True, kw_only=True)
class _Batch:
    """A batch of the file, its numbers seen as numpy arrays."""

    ids: Numbers
    ends: Numbers
    answer_start: Numbers
    file: Numbers
    line: Numbers
    number: Numbers
    cut_ends: Numbers
    unfit_ends: Numbers
    cut: Any
    unfit: Any
    references: Any

    @classmethod
    def of(cls, batch: Any) -> Self:
        """Raises ValueError for a batch that is not whole."""
        batch.validate()
        column = dict(zip(SCHEMA.names, batch.columns, strict=True))
        return cls(
            ids=_numpy(column["input_ids"].values),
            ends=_numpy(column["input_ids"].offsets),
            answer_start=_numpy(column["answer_start"]),
            file=_numpy(column["file"]),
            line=_numpy(column["line"]),
            number=_numpy(column["number"]),
            cut_ends=_numpy(column["cut"].offsets),
            unfit_ends=_numpy(column["unfit"].offsets),
            cut=column["cut"],
            unfit=column["unfit"],
            references=column["references"],
        )

    def __len__(self) -> int:
        return len(self.number)

    def item(self, row: int, task: str) -> Example | Unfit:
        if self.unfit_ends[row] != self.unfit_ends[row + 1]:
            (unfit,) = self.unfit[row].as_py()
            return Unfit(task=task, **unfit | {"reason": UnfitReason(unfit["reason"])})
        ids = self.ids[self.ends[row] : self.ends[row + 1]].tolist()
        start = int(self.answer_start[row])
        answer_start = None if start == NO_ANSWER else start
        is_cut = self.cut_ends[row] != self.cut_ends[row + 1]
        cuts = self.cut[row].as_py() if is_cut else []
        return Example(
            task=task,
            input_ids=tuple(ids),
            answer_start=answer_start,
            loss_mask=loss_mask_of(ids, answer_start),
            cut=tuple((cut["field"], cut["tokens"]) for cut in cuts),
            cut_spans=tuple((cut["at"], cut["to"]) for cut in cuts),
        )

    def examples(self) -> ExampleColumns:
        """An Unfit has no ids, so that without it there is only a border less."""
        fits = self.unfit_ends[1:] == self.unfit_ends[:-1]
        ends = np.cumsum(np.diff(self.ends)[fits], dtype=np.int64)
        return ExampleColumns(
            ids=self.ids[self.ends[0] : self.ends[-1]],
            ends=np.concatenate((np.zeros(1, np.int64), ends)),
            answer_start=self.answer_start[fits],
        )


def _numpy(values: Any) -> Any:
    """The numbers where they lie. `to_numpy` would import pandas."""
    kind = np.dtype(str(values.type))
    if not len(values):
        return np.empty(0, kind)
    return np.frombuffer(values.buffers()[1], kind)[values.offset : values.offset + len(values)]


def digest_of_rows(tables: Sequence[tuple[str, RowTable]]) -> str:
    """sha256 of all that training sees: ids, loss masks, row borders and tasks, in order."""
    sha = hashlib.sha256(repr(tuple(task for task, _ in tables)).encode())

    def batches() -> Iterator[tuple[int, ExampleColumns]]:
        return ((at, batch) for at, (_, table) in enumerate(tables) for batch in table.examples())

    for _, batch in batches():
        sha.update(batch.ids.data)
    for _, batch in batches():
        sha.update(batch.loss_mask().data)
    start = np.int64(0)
    sha.update(start.tobytes())
    for _, batch in batches():
        sha.update((batch.ends[1:] + start).data)
        start += batch.ends[-1]
    for at, batch in batches():
        sha.update(np.full(len(batch.ends) - 1, at, np.uint16).data)
    return sha.hexdigest()
