import hashlib
import tracemalloc
from array import array
from collections.abc import Sequence
from pathlib import Path

import hypothesis.strategies as st
import pyarrow as pa
import pytest
from hypothesis import given

from softprompt_plan.example import Example
from softprompt_runtime.row_columns import SCHEMA, StoredRow, write_rows
from softprompt_runtime.row_table import RowOrigin, RowTable, digest_of_rows
from tests.runtime.row_examples import stored_rows, table_of
from tests.runtime.row_sources import FILES, simple_rows

some_rows = st.lists(stored_rows(), max_size=8)


@given(rows=some_rows)
def test_a_table_gives_every_row_back(rows: list[StoredRow]) -> None:
    table = table_of(rows)

    assert [table.item(at) for at in range(len(table))] == [row.item for row in rows]
    assert [table.origin(at) for at in range(len(table))] == [
        RowOrigin(
            task="mood",
            id=f"mood:{row.number}",
            file=FILES[row.file],
            line=row.line,
            references=row.references,
        )
        for row in rows
    ]
    assert table.num_skipped == 0


@given(rows=some_rows)
def test_lengths_are_those_of_the_ids_and_0_for_what_does_not_fit(rows: list[StoredRow]) -> None:
    table = table_of(rows)

    lengths = [len(row.item.input_ids) if isinstance(row.item, Example) else 0 for row in rows]
    assert [table.length(at) for at in range(len(table))] == lengths


@given(rows=some_rows)
def test_rows_that_do_not_fit_may_be_counted_only(rows: list[StoredRow]) -> None:
    table = table_of(rows, keep_unfit=False)

    kept = [row for row in rows if isinstance(row.item, Example)]
    assert [table.item(at) for at in range(len(table))] == [row.item for row in kept]
    assert table.num_skipped == len(rows) - len(kept)


@given(rows=some_rows, others=st.lists(stored_rows("other"), max_size=8))
def test_the_digest_is_of_ids_masks_borders_and_tasks(
    rows: list[StoredRow], others: list[StoredRow]
) -> None:
    tables = [("mood", table_of(rows)), ("other", table_of(others, task="other"))]

    assert digest_of_rows(tables) == _digest([*rows, *others], ("mood", "other"))


def _digest(rows: Sequence[StoredRow], tasks: tuple[str, ...]) -> str:
    """The same, from one example after the other."""
    ids, loss_mask, ends, numbers = array("i"), bytearray(), array("q", [0]), array("H")
    for row in rows:
        if isinstance(row.item, Example):
            ids.extend(row.item.input_ids)
            loss_mask.extend(row.item.loss_mask)
            ends.append(len(ids))
            numbers.append(tasks.index(row.item.task))
    sha = hashlib.sha256(repr(tasks).encode())
    for part in (ids, loss_mask, ends, numbers):
        sha.update(memoryview(part).cast("B"))
    return sha.hexdigest()


@pytest.mark.parametrize(("count", "length"), [(20_000, 5), (700, 1000)])
def test_many_rows_and_long_rows_lie_in_several_batches(count: int, length: int) -> None:
    rows = list(simple_rows(count, length))

    table = table_of(rows)

    places = [0, 511, 512, count // 2, count - 1]
    assert len(table) == count
    assert [table.item(at) for at in places] == [rows[at].item for at in places]
    assert [table.origin(at).id for at in places] == [f"mood:{at}" for at in places]
    assert digest_of_rows([("mood", table)]) == _digest(rows, ("mood",))


def test_a_table_of_a_mapped_file_holds_no_rows_in_memory(tmp_path: Path) -> None:
    path, count = tmp_path / "rows.arrow", 50_000
    with path.open("wb") as file:
        write_rows(file, simple_rows(count), keep_unfit=False)
    arrow_before = pa.total_allocated_bytes()
    tracemalloc.start()
    try:
        table = RowTable(pa.memory_map(str(path)), "mood", FILES)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(table) == count
    assert held + pa.total_allocated_bytes() - arrow_before < 4 * count


def test_other_columns_are_refused() -> None:
    sink = pa.BufferOutputStream()
    other = pa.table({"input_ids": [[1]]})
    with pa.ipc.new_file(sink, other.schema) as writer:
        writer.write_table(other)

    with pytest.raises(ValueError, match="columns"):
        RowTable(pa.BufferReader(sink.getvalue()), "mood", FILES)


def test_a_file_without_its_end_is_refused() -> None:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, SCHEMA):
        pass

    with pytest.raises(ValueError, match="end is missing"):
        RowTable(pa.BufferReader(sink.getvalue()), "mood", FILES)
