"""Tokenized rows as columns: an Arrow IPC file of one task and split, written batch by batch."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any, final

import pyarrow as pa

from softprompt_plan.example import Example, Unfit

NO_ANSWER = -1  # in answer_start
NUM_SKIPPED = b"num_skipped"  # in the metadata of the last batch

_CUT = pa.struct([("field", pa.string()), *((name, pa.int32()) for name in ("tokens", "at", "to"))])
_UNFIT_SIZES = ("num_tokens", "min_tokens", "max_seq_length")
_UNFIT = pa.struct([("reason", pa.string()), *((name, pa.int64()) for name in _UNFIT_SIZES)])

# Few rows are cut or unfit, and none has references but test rows: an empty list costs four bytes.
# The loss mask follows from ids and answer_start (`loss_mask_of`).
SCHEMA = pa.schema(
    [
        pa.field("input_ids", pa.list_(pa.int32()), nullable=False),
        pa.field("answer_start", pa.int32(), nullable=False),
        pa.field("cut", pa.list_(_CUT), nullable=False),
        pa.field("unfit", pa.list_(_UNFIT), nullable=False),
        pa.field("file", pa.int32(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("number", pa.int64(), nullable=False),
        pa.field("references", pa.list_(pa.string()), nullable=False),
    ]
)

_CODES = {pa.int32(): "i", pa.int64(): "q"}  # the array module's

_ROWS_AT_ONCE = 512
_MAX_ROWS, _MAX_TOKENS = 8192, 1 << 19  # of a batch in the file: what is in memory while it is made


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRow:
    """A row and its place: `file` counts the split's files, `number` the task's rows, both from 0.

    `line` is 1-based. references: answers of a test row in the data.
    """

    item: Example | Unfit
    file: int
    line: int
    number: int
    references: tuple[str, ...]


def write_rows(sink: Any, rows: Iterator[StoredRow], *, keep_unfit: bool) -> None:
    """Write the rows to an open file. Rows that do not fit are kept, or only counted."""
    num_skipped = 0
    with pa.ipc.new_file(sink, SCHEMA) as writer:
        pending: list[Any] = []
        while some := list(islice(rows, _ROWS_AT_ONCE)):
            kept = [row for row in some if keep_unfit or isinstance(row.item, Example)]
            num_skipped += len(some) - len(kept)
            pending.append(_batch_of(kept))
            if _is_enough(pending):
                writer.write_batch(_joined(pending))
                pending = []
        # Also of no rows: the count is known only now.
        last = _joined([*pending, _batch_of([])])
        writer.write_batch(last, custom_metadata={NUM_SKIPPED: str(num_skipped)})


def _is_enough(pending: Sequence[Any]) -> bool:
    num_tokens = sum(len(batch.column(0).values) for batch in pending)
    return sum(map(len, pending)) >= _MAX_ROWS or num_tokens >= _MAX_TOKENS


def _joined(batches: Sequence[Any]) -> Any:
    table = pa.Table.from_batches(batches, SCHEMA).combine_chunks()
    return next(iter(table.to_batches()), _batch_of([]))


def _batch_of(rows: Sequence[StoredRow]) -> Any:
    columns = [
        _lists("input_ids", [_ids(row.item) for row in rows]),
        _numbers(pa.int32(), [_answer_start(row.item) for row in rows]),
        _lists("cut", [_cuts(row.item) for row in rows]),
        _lists("unfit", [_unfit(row.item) for row in rows]),
        _numbers(pa.int32(), [row.file for row in rows]),
        _numbers(pa.int64(), [row.line for row in rows]),
        _numbers(pa.int64(), [row.number for row in rows]),
        _lists("references", [row.references for row in rows]),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


# Columns are made of their bytes: `pyarrow.array` looks at every value, and imports pandas first.


def _lists(name: str, lists: Sequence[Sequence[Any]]) -> Any:
    kind = SCHEMA.field(name).type
    ends = [0, *accumulate(map(len, lists))]
    values = _values(kind.value_type, [value for some in lists for value in some])
    return pa.ListArray.from_arrays(_numbers(pa.int32(), ends), values, type=kind)


def _values(kind: Any, values: Sequence[Any]) -> Any:
    if pa.types.is_struct(kind):
        parts = [[value[at] for value in values] for at in range(kind.num_fields)]
        columns = [_values(field.type, part) for field, part in zip(kind, parts, strict=True)]
        return pa.StructArray.from_arrays(columns, fields=list(kind))
    return _texts(values) if pa.types.is_string(kind) else _numbers(kind, values)


def _texts(texts: Sequence[str]) -> Any:
    encoded = [text.encode() for text in texts]
    ends = array(_CODES[pa.int32()], [0, *accumulate(map(len, encoded))])
    buffers = [pa.py_buffer(ends), pa.py_buffer(b"".join(encoded))]
    return pa.StringArray.from_buffers(len(texts), *buffers)


def _numbers(kind: Any, values: Sequence[int]) -> Any:
    buffer = pa.py_buffer(array(_CODES[kind], values))
    return pa.Array.from_buffers(kind, len(values), [None, buffer])


def _ids(item: Example | Unfit) -> Sequence[int]:
    return item.input_ids if isinstance(item, Example) else ()


def _answer_start(item: Example | Unfit) -> int:
    start = item.answer_start if isinstance(item, Example) else None
    return NO_ANSWER if start is None else start


def _cuts(item: Example | Unfit) -> list[tuple[str, int, int, int]]:
    if isinstance(item, Unfit):
        return []
    pairs = zip(item.cut, item.cut_spans, strict=True)
    return [(name, count, start, end) for (name, count), (start, end) in pairs]


def _unfit(item: Example | Unfit) -> list[tuple[str, int, int, int]]:
    if isinstance(item, Example):
        return []
    return [(item.reason.value, item.num_tokens, item.min_tokens, item.max_seq_length)]
