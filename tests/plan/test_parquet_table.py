import datetime
import json
import os
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from softprompt_plan.parquet_table import open_parquet
from softprompt_plan.rows import Row, RowFault, RowFaultKind, count_rows, read_rows
from softprompt_plan.tables import Table, TableError, library_missing
from tests.parquet_files import write_parquet
from tests.plan import row_reading

GOOD = {"question": "Who?", "answer": " Ann"}
DATA = os.environ.get("SOFTPROMPT_DATA")


def open_table(file: Path) -> Table:
    return open_parquet(file, parquet)


rows_of = partial(row_reading.rows_of, open_table=open_table)


def faults_of(items: Sequence[Row | RowFault]) -> list[tuple[int, int | None, str]]:
    return [(each.line, each.row, each.kind) for each in items if isinstance(each, RowFault)]


def test_a_row_has_its_number_for_a_line(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [GOOD, {"question": "b", "answer": ""}])

    rows = [row for row in rows_of(file) if isinstance(row, Row)]

    assert [(row.file, row.line, row.row) for row in rows] == [(file, 1, 0), (file, 2, 1)]
    assert [row.record for row in rows] == [GOOD, {"question": "b", "answer": ""}]
    assert count_rows([file], open_table) == 2


def test_columns_that_no_field_uses_are_named_and_not_read(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [{**GOOD, "title": "x", "id": 3}])
    asked: list[list[str]] = []

    def spy(source: Path) -> Table:
        table = open_table(source)
        read = table.batches
        table.batches = lambda columns: asked.append(list(columns)) or read(columns)
        return table

    (row,) = read_rows([file], task="squad", needed=["question"], open_table=spy)

    assert isinstance(row, Row)
    assert row.extra == ("answer", "title", "id")
    assert asked == [["question"]]


def test_a_template_without_a_field_in_the_table_still_has_its_rows(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [{"title": "x", "id": 1}] * 3)

    rows = list(read_rows([file], task="squad", needed=[], open_table=open_table))

    assert [(row.line, row.extra) for row in rows if isinstance(row, Row)] == [
        (number, ("title", "id")) for number in (1, 2, 3)
    ]


def test_a_path_leads_into_structs_and_lists(tmp_path: Path) -> None:
    rows = [
        {"question": "a", "answers": {"text": ["x", "y"], "start": [1, 2]}},
        {"question": "b", "answers": {"text": [], "start": []}},
        {"question": "c", "answers": None},
    ]
    file = write_parquet(tmp_path / "a.parquet", rows)

    first, *others = rows_of(file, fields={"answer": "answers.text[0]"})

    assert isinstance(first, Row)
    assert (first.record["answer"], first.extra) == ("x", ())
    assert faults_of(others) == [(2, 1, "missing_field"), (3, 2, "missing_field")]


def test_a_path_may_end_at_a_list_of_references(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [{"question": "a", "answers": {"text": ["b"]}}])

    (row,) = rows_of(file, fields={"answer": "answers.text"}, list_allowed=["answer"])

    assert isinstance(row, Row)
    assert row.record["answer"] == ["b"]


def test_a_column_whose_name_looks_like_a_path_is_found(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [{"question": "a", "answers.text[0]": "b"}])

    (row,) = rows_of(file, fields={"answer": "answers.text[0]"})

    assert isinstance(row, Row)
    assert row.record["answer"] == "b"


def test_a_missing_column_is_reported_once(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [{"question": "a", "anser": "b"}] * 5)

    (fault,) = rows_of(file)

    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.line, fault.row) == (RowFaultKind.MISSING_FIELD, 1, None)
    assert fault.detail == "there is no column for `answer`; there is `question`, `anser`"


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (3, "a number (3)"),
        (True, "true"),
        (b"x", "bytes"),
        (datetime.date(2026, 1, 2), "a value of type date"),
        (["a"], "a list"),
        ({"a": 1}, "an object"),
    ],
)
def test_a_value_that_is_no_text_is_a_fault(tmp_path: Path, value: object, named: str) -> None:
    file = write_parquet(tmp_path / "a.parquet", [{"question": "a", "answer": value}])

    (fault,) = rows_of(file)

    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.field, fault.line) == (RowFaultKind.NON_STRING, "answer", 1)
    assert fault.detail == f"`answer` is {named}, not text"


def test_null_is_a_fault_of_a_needed_field_and_absence_of_another(tmp_path: Path) -> None:
    file = write_parquet(tmp_path / "a.parquet", [GOOD, {"question": "b", "answer": None}])

    assert faults_of(rows_of(file)) == [(2, 1, "non_string")]
    _, row = rows_of(file, optional=["answer"])
    assert isinstance(row, Row)
    assert row.record == {"question": "b"}


def test_the_task_column_of_a_table_is_checked(tmp_path: Path) -> None:
    rows = [{**GOOD, "taskname": name} for name in ("squad", "sst")]
    file = write_parquet(tmp_path / "a.parquet", rows)

    assert faults_of(rows_of(file)) == [(2, 1, "other_task")]


def test_text_that_is_not_utf8_is_a_fault_of_its_row_alone(tmp_path: Path) -> None:
    offsets = pyarrow.py_buffer(b"".join(n.to_bytes(4, "little") for n in (0, 1, 2, 3)))
    broken: Any = pyarrow.StringArray.from_buffers(3, offsets, pyarrow.py_buffer(b"a\xffb"))
    table: Any = pyarrow.table({"question": broken, "answer": ["1", "2", "3"]})
    parquet.write_table(table, tmp_path / "a.parquet")

    first, fault, last = rows_of(tmp_path / "a.parquet")

    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert last.record == {"question": "b", "answer": "3"}
    assert faults_of([fault]) == [(2, 1, "not_utf8")]


def test_two_columns_of_one_name_are_a_fault(tmp_path: Path) -> None:
    arrays: Any = [pyarrow.array(["a"]), pyarrow.array(["b"])]
    table: Any = pyarrow.Table.from_arrays(arrays, names=["question", "question"])
    parquet.write_table(table, tmp_path / "a.parquet")

    assert faults_of(rows_of(tmp_path / "a.parquet")) == [(1, None, "duplicate_field")]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"nonsense" * 99, json.dumps(GOOD).encode()])
def test_what_is_no_parquet_is_one_fault(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.parquet"
    file.write_bytes(content)

    assert faults_of(rows_of(file)) == [(1, None, "broken_parquet")]
    assert count_rows([file], open_table) == 0


def test_a_file_that_breaks_off_inside_is_a_fault_behind_its_good_rows(tmp_path: Path) -> None:
    rows = [{"question": f"{at}" * 50, "answer": ""} for at in range(3000)]
    file = write_parquet(tmp_path / "a.parquet", rows, row_group_size=1024)
    content = bytearray(file.read_bytes())
    metadata: Any = parquet.ParquetFile(file).metadata
    broken = metadata.row_group(1).column(0).dictionary_page_offset
    content[broken : broken + 40] = b"\xff" * 40
    file.write_bytes(content)

    *good, fault = rows_of(file)

    assert len(good) == 1024
    assert faults_of([fault]) == [(1025, None, "broken_parquet")]


def test_files_that_are_not_there_are_named_as_missing(tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()

    assert faults_of(rows_of(tmp_path / "none.parquet")) == [(1, None, "missing_file")]
    assert len(faults_of(rows_of(tmp_path / "folder.parquet"))) == 1
    assert faults_of(rows_of(Path("a\0b.parquet"))) == [(1, None, "missing_file")]


def test_a_missing_library_is_a_fault_that_names_it(tmp_path: Path) -> None:
    def without(_: Path) -> Table:
        raise library_missing("pyarrow")

    (fault,) = read_rows([tmp_path / "a.parquet"], task="a", needed=["b"], open_table=without)

    assert isinstance(fault, RowFault)
    assert fault.kind == RowFaultKind.NO_LIBRARY
    assert "`pyarrow`" in fault.detail


def test_a_large_row_group_is_not_held_in_memory(tmp_path: Path) -> None:
    draw = random.Random(1)
    rows = [{"question": draw.randbytes(500).hex()} for _ in range(20_000)]
    file = write_parquet(tmp_path / "a.parquet", rows)
    before: int = pyarrow.total_allocated_bytes()

    found = read_rows([file], task="a", needed=["question"], open_table=open_table)
    next(found)

    assert pyarrow.total_allocated_bytes() - before < file.stat().st_size / 2


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_parquet_and_json_lines_give_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    records = [{"question": text, "answer": text + "."} for text in ["", *texts]]
    write_parquet(folder / "a.parquet", records, row_group_size=2)
    lines = folder / "a.jsonl"
    lines.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")

    found = [
        [(row.line, row.row, row.number, row.record) for row in rows if isinstance(row, Row)]
        for rows in (rows_of(folder / "a.parquet"), rows_of(lines))
    ]

    assert found[0] == found[1]
    assert len(found[0]) == len(records)


@given(content=st.binary(max_size=60))
def test_any_bytes_give_one_fault(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = tmp_path_factory.mktemp("rows") / "a.parquet"
    file.write_bytes(content)

    with pytest.raises(TableError):
        open_table(file)
    assert len(rows_of(file)) == 1


@pytest.mark.skipif(DATA is None, reason="needs SOFTPROMPT_DATA")
def test_published_rows_are_the_same_from_parquet_as_from_json_lines(tmp_path: Path) -> None:
    source = Path(DATA or "") / "squad/nemo/squad_train.jsonl"
    lines = source.read_text("utf-8").splitlines(keepends=True)[:400]
    text = tmp_path / "rows.jsonl"
    text.write_text("".join(lines), "utf-8")
    table = write_parquet(tmp_path / "rows.parquet", [json.loads(line) for line in lines])
    needed = ("context", "question", "answer")

    found = [
        list(read_rows([file], task="squad", needed=needed, open_table=open_table))
        for file in (text, table)
    ]

    assert [len(rows) for rows in found] == [400, 400]
    for row, same in zip(*found, strict=True):
        assert isinstance(row, Row)
        assert isinstance(same, Row)
        assert (row.record, row.line, row.extra) == (same.record, same.line, same.extra)
