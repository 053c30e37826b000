"""Tokenized rows of every kind, for tests of what holds them."""

import io
from collections.abc import Iterable

import hypothesis.strategies as st
import pyarrow as pa

from softprompt_plan.example import Example, Unfit, UnfitReason, loss_mask_of
from softprompt_runtime.row_columns import StoredRow, write_rows
from softprompt_runtime.row_table import RowTable
from tests.runtime.row_sources import FILES

_SIZES = st.integers(0, 2**31 - 1)
_CUTS = st.lists(st.tuples(st.text(max_size=3), _SIZES, _SIZES, _SIZES), max_size=2)


@st.composite
def examples(draw: st.DrawFn, task: str = "mood") -> Example:
    """An example as the encoder makes them: its loss mask follows from its answer's start."""
    ids = draw(st.lists(st.integers(-(2**31), 2**31 - 1), max_size=9))
    start = draw(st.none() | st.integers(0, len(ids)))
    cuts = draw(st.just([]) | _CUTS)
    return Example(
        task=task,
        input_ids=tuple(ids),
        answer_start=start,
        loss_mask=loss_mask_of(ids, start),
        cut=tuple((field, tokens) for field, tokens, _, _ in cuts),
        cut_spans=tuple((at, to) for _, _, at, to in cuts),
    )


def unfits(task: str = "mood") -> st.SearchStrategy[Unfit]:
    """A row that does not fit."""
    return st.builds(
        Unfit,
        task=st.just(task),
        reason=st.sampled_from(UnfitReason),
        num_tokens=_SIZES,
        min_tokens=_SIZES,
        max_seq_length=_SIZES,
    )


def stored_rows(task: str = "mood") -> st.SearchStrategy[StoredRow]:
    """A row of any kind, of any place."""
    return st.builds(
        StoredRow,
        item=examples(task) | unfits(task),
        file=st.integers(0, len(FILES) - 1),
        line=st.integers(1, 2**40),
        number=st.integers(0, 2**40),
        references=st.lists(st.text(), max_size=2).map(tuple),
    )


def table_of(rows: Iterable[StoredRow], *, task: str = "mood", keep_unfit: bool = True) -> RowTable:
    """The rows, written and read."""
    sink = io.BytesIO()
    write_rows(sink, iter(rows), keep_unfit=keep_unfit)
    return RowTable(pa.BufferReader(sink.getvalue()), task, FILES)
