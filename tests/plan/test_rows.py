import csv
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.rows import Row, RowFault, RowFaultKind, count_rows, read_rows
from tests.plan.row_reading import rows_of

GOOD = {"taskname": "squad", "question": "Who?", "answer": " Ann"}
DATA = os.environ.get("SOFTPROMPT_DATA")


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def only_fault(items: Sequence[Row | RowFault]) -> RowFault:
    (item,) = items
    assert isinstance(item, RowFault)
    return item


def only_row(items: Sequence[Row | RowFault]) -> Row:
    (item,) = items
    assert isinstance(item, Row)
    return item


def lines_of(items: Sequence[Row | RowFault]) -> list[int]:
    return [item.line for item in items]


def test_a_row_has_its_fields_and_its_place(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", json.dumps({**GOOD, "title": "x", "id": 3}) + "\n")

    row = only_row(rows_of(file))

    assert row.record == {"question": "Who?", "answer": " Ann"}
    assert (row.file, row.line, row.row, row.extra) == (file, 1, 0, ("title", "id"))


def test_blank_lines_are_no_rows_but_count_as_lines(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", f"\n{json.dumps(GOOD)}\r\n  \r\n{json.dumps(GOOD)}")

    items = rows_of(file)

    assert lines_of(items) == [2, 4]
    assert [item.row for item in items] == [0, 1]
    assert count_rows([file]) == 2


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv"])
def test_a_byte_order_mark_is_skipped(tmp_path: Path, name: str) -> None:
    text = "question,answer\nWho?, Ann\n" if name == "a.csv" else json.dumps([GOOD])
    text = json.dumps(GOOD) if name == "a.jsonl" else text

    row = only_row(rows_of(write(tmp_path, name, b"\xef\xbb\xbf" + text.encode())))

    assert row.record == {"question": "Who?", "answer": " Ann"}


def test_only_line_feeds_end_a_line(tmp_path: Path) -> None:
    question = "a\u2028b\u0085c\x0bd"
    text = json.dumps({**GOOD, "question": question}, ensure_ascii=False).replace("\x0b", "\\u000b")

    row = only_row(rows_of(write(tmp_path, "a.jsonl", text)))

    assert row.record["question"] == question


def test_a_broken_line_is_a_fault_and_the_next_line_a_row(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", f'{{"question": "a",}}\n{json.dumps(GOOD)}\n')

    fault, row = rows_of(file)

    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.line, fault.row) == (RowFaultKind.BROKEN_JSON, 1, 0)
    assert fault.column in (17, 18)  # where the comma is, or behind it: Python's versions differ
    assert isinstance(row, Row)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"[1, 2]", RowFaultKind.NOT_AN_OBJECT),
        (b'"text"', RowFaultKind.NOT_AN_OBJECT),
        (b"null", RowFaultKind.NOT_AN_OBJECT),
        (b"[" * 100_000, RowFaultKind.BROKEN_JSON),
        (b'{"question": ' + b"1" * 5_000 + b"}", RowFaultKind.BROKEN_JSON),
        (b'{"question": "a\0b"}', RowFaultKind.NUL),
        (b"{\0}", RowFaultKind.NUL),
        (b'{"question": "\xff"}', RowFaultKind.NOT_UTF8),
        (b'{"question": "\xed\xa0\x80"}', RowFaultKind.NOT_UTF8),
        (b'{"question": "a", "question": "b", "answer": "c"}', RowFaultKind.DUPLICATE_FIELD),
    ],
)
def test_what_is_no_row_is_one_fault(tmp_path: Path, line: bytes, kind: RowFaultKind) -> None:
    for name in ("a.jsonl", "a.json"):
        content = line if name == "a.jsonl" else b"[" + line + b"]"
        assert only_fault(rows_of(write(tmp_path, name, content))).kind == kind


def test_the_place_of_a_broken_byte_is_counted_in_characters(tmp_path: Path) -> None:
    fault = only_fault(rows_of(write(tmp_path, "a.jsonl", b'{"\xc3\xa4": "\xff"}')))

    assert fault.column == 8


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (3, "a number (3)"),
        (2.5, "a number (2.5)"),
        (True, "true"),
        (None, "null"),
        ({}, "an object"),
        (["a"], "a list"),
    ],
)
def test_a_value_that_is_no_text_is_named_with_its_field(
    tmp_path: Path, value: object, named: str
) -> None:
    file = write(tmp_path, "a.jsonl", json.dumps({**GOOD, "answer": value}))

    fault = only_fault(rows_of(file))

    assert (fault.kind, fault.field) == (RowFaultKind.NON_STRING, "answer")
    assert fault.detail == f"`answer` is {named}, not text"


def test_every_faulty_field_of_a_row_is_reported(tmp_path: Path) -> None:
    faults = rows_of(write(tmp_path, "a.jsonl", '{"question": 1, "taskname": "sst"}'))

    kinds = [fault.kind for fault in faults if isinstance(fault, RowFault)]
    assert kinds == [
        RowFaultKind.OTHER_TASK,
        RowFaultKind.NON_STRING,
        RowFaultKind.MISSING_FIELD,
    ]
    assert {fault.row for fault in faults} == {0}


def test_a_missing_field_is_named_beside_those_there(tmp_path: Path) -> None:
    fault = only_fault(rows_of(write(tmp_path, "a.jsonl", '{"question": "a", "anser": "b"}')))

    assert fault.field == "answer"
    assert fault.detail == "there is no `answer`; the row has `question`, `anser`"


def test_an_optional_field_may_be_absent_but_not_wrong(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", json.dumps(GOOD))
    wrong = write(tmp_path, "b.jsonl", json.dumps({**GOOD, "hint": 1}))

    assert "hint" not in only_row(rows_of(file, optional=["hint"])).record
    assert only_fault(rows_of(wrong, optional=["hint"])).field == "hint"


def test_several_references_are_a_list_of_texts_where_allowed(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", json.dumps({**GOOD, "answer": ["Ann", "Anna"]}))

    assert only_row(rows_of(file, list_allowed=["answer"])).record["answer"] == ["Ann", "Anna"]
    assert only_fault(rows_of(file)).kind == RowFaultKind.NON_STRING


@pytest.mark.parametrize(
    ("answer", "kind"),
    [([], RowFaultKind.EMPTY_LIST), (["a", 1], RowFaultKind.NON_STRING)],
)
def test_a_list_of_references_is_checked(
    tmp_path: Path, answer: list[object], kind: RowFaultKind
) -> None:
    file = write(tmp_path, "a.jsonl", json.dumps({**GOOD, "answer": answer}))

    assert only_fault(rows_of(file, list_allowed=["answer"])).kind == kind


def test_a_path_leads_into_nested_json(tmp_path: Path) -> None:
    row = {"q": {"text": "Who?"}, "answers": {"text": ["Ann", "Anna"]}}
    file = write(tmp_path, "a.jsonl", json.dumps(row))

    fields = {"question": "q.text", "answer": "answers.text[1]"}

    assert only_row(rows_of(file, fields=fields)).record == {"question": "Who?", "answer": "Anna"}
    assert only_row(rows_of(file, fields=fields)).extra == ()


def test_a_path_may_end_at_a_list_of_references(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", '{"question": "a", "answers": {"text": ["b", "c"]}}')

    items = rows_of(file, fields={"answer": "answers.text"}, list_allowed=["answer"])

    assert only_row(items).record["answer"] == ["b", "c"]


@pytest.mark.parametrize("path", ["answers.text[1]", "answers[0]", "answers.none", "a[", "a..b"])
def test_a_path_that_leads_nowhere_is_a_missing_field(tmp_path: Path, path: str) -> None:
    file = write(tmp_path, "a.jsonl", '{"question": "a", "answers": {"text": ["b"]}}')

    fault = only_fault(rows_of(file, fields={"answer": path}))

    assert (fault.kind, fault.field) == (RowFaultKind.MISSING_FIELD, "answer")
    assert f"`answer` (column `{path}`)" in fault.detail


def test_a_column_whose_name_looks_like_a_path_is_found(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", '{"question": "a", "answers.text[0]": "b"}')

    row = only_row(rows_of(file, fields={"answer": "answers.text[0]"}))

    assert (row.record["answer"], row.extra) == ("b", ())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a\\u0000b", RowFaultKind.NUL),
        ("\\ud83d", RowFaultKind.LONE_SURROGATE),
        ("\\ude00\\ud83d", RowFaultKind.LONE_SURROGATE),
    ],
)
def test_text_that_no_tokenizer_can_take_is_a_fault(
    tmp_path: Path, text: str, kind: RowFaultKind
) -> None:
    file = write(tmp_path, "a.jsonl", f'{{"question": "{text}", "answer": ""}}')

    assert only_fault(rows_of(file)).kind == kind


def test_an_escaped_surrogate_pair_is_one_character(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", '{"question": "\\ud83d\\ude00", "answer": ""}')

    assert only_row(rows_of(file)).record["question"] == "😀"


def test_the_task_column_may_be_an_ordinary_field(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", '{"question": "a", "taskname": "positive"}')

    assert only_row(rows_of(file, fields={"answer": "taskname"})).record["answer"] == "positive"


def test_a_line_of_ten_megabytes_is_a_row(tmp_path: Path) -> None:
    text = "x" * 10_000_000
    file = write(tmp_path, "a.jsonl", json.dumps({**GOOD, "question": text}))

    assert only_row(rows_of(file)).record["question"] == text


@pytest.mark.parametrize(
    "wrapped", ["[\n%s,\n\n %s\n]\n", '{"version": "1",\n"data": [%s,\n\n%s]}']
)
def test_the_rows_of_a_json_file_have_the_lines_where_they_start(
    tmp_path: Path, wrapped: str
) -> None:
    pretty = json.dumps(GOOD, indent=2)
    file = write(tmp_path, "a.json", wrapped % (pretty, json.dumps(GOOD)))

    items = rows_of(file)

    assert all(isinstance(item, Row) for item in items)
    assert lines_of(items) == [2, 8]
    assert [item.row for item in items] == [0, 1]
    assert count_rows([file]) == 2


@pytest.mark.parametrize("text", ["[]", "{}", '{"rows": []}', "3", '{"data": {}}'])
def test_a_json_file_without_a_list_of_rows_says_what_it_needs(tmp_path: Path, text: str) -> None:
    items = rows_of(write(tmp_path, "a.json", text))

    if text == "[]":
        assert items == []
    else:
        assert only_fault(items).kind == RowFaultKind.NO_ROW_LIST


@pytest.mark.parametrize(
    ("tail", "line", "column"),
    [
        (",\n]", 2, 1),
        (",\n{", 2, 2),
        ("\n", 2, 1),
        ("\n]]", 2, 2),
        ('\n{"a": 1}]', 2, 1),
        ("\n]\0", 2, 2),
    ],
)
def test_the_rows_before_a_fault_of_a_json_file_are_read(
    tmp_path: Path, tail: str, line: int, column: int
) -> None:
    row, fault = rows_of(write(tmp_path, "a.json", f"[{json.dumps(GOOD)}{tail}"))

    assert isinstance(row, Row)
    assert isinstance(fault, RowFault)
    assert (fault.kind, fault.row) in {
        (RowFaultKind.BROKEN_JSON, None),
        (RowFaultKind.NUL, None),
    }
    assert (fault.line, fault.column) == (line, column)


@pytest.mark.parametrize("text", ["{", '{"data"', '{"data":', "{1: 2}", '{"a": 1,}', '{"data": [1'])
def test_a_broken_object_of_rows_is_a_fault(tmp_path: Path, text: str) -> None:
    last = rows_of(write(tmp_path, "a.json", text))[-1]

    assert isinstance(last, RowFault)
    assert last.kind == RowFaultKind.BROKEN_JSON


def test_json_lines_in_a_json_file_are_rows(tmp_path: Path) -> None:
    file = write(tmp_path, "a.json", f"{json.dumps(GOOD)}\n{{\n{json.dumps(GOOD)}\n")

    items = rows_of(file)

    assert [type(item) for item in items] == [Row, RowFault, Row]
    assert lines_of(items) == [1, 2, 3]


def test_csv_columns_are_named_by_the_header(tmp_path: Path) -> None:
    text = ',question,answer,title\r\n0,"Who, ""me""?\nyes", Ann,x\r\n\r\n1,a,b,y\r\n'
    file = write(tmp_path, "a.csv", text)

    first, second = rows_of(file)

    assert isinstance(first, Row)
    assert first.record == {"question": 'Who, "me"?\nyes', "answer": " Ann"}
    assert first.extra == ("", "title")
    assert (first.line, second.line, second.row) == (2, 5, 1)
    assert count_rows([file]) == 2


def test_a_missing_csv_column_is_reported_once(tmp_path: Path) -> None:
    fault = only_fault(rows_of(write(tmp_path, "a.csv", "question,anser\na,b\nc,d\n")))

    assert (fault.kind, fault.line, fault.row) == (RowFaultKind.MISSING_FIELD, 1, None)
    assert fault.detail == "there is no column for `answer`; there is `question`, `anser`"


@pytest.mark.parametrize(
    ("sign", "signs"), [(";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")]
)
def test_other_signs_than_commas_between_columns_are_named(
    tmp_path: Path, sign: str, signs: str
) -> None:
    text = f"question{sign}answer\na{sign}b\n"
    faults = rows_of(write(tmp_path, "a.csv", text))

    assert [fault.detail for fault in faults if isinstance(fault, RowFault)] == [
        f"there is no column for `{name}`; {signs} divide the file's columns, where CSV has commas"
        for name in ("question", "answer")
    ]


def test_csv_columns_are_renamed_and_may_hold_dots(tmp_path: Path) -> None:
    file = write(tmp_path, "a.csv", "question,answers.text\na,b\n")

    assert only_row(rows_of(file, fields={"answer": "answers.text"})).record["answer"] == "b"


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (b"question,answer\na\n", RowFaultKind.BROKEN_CSV, 2),
        (b"question,answer\na,b,c\n", RowFaultKind.BROKEN_CSV, 2),
        (b'question,answer\na,"b\n\n', RowFaultKind.BROKEN_CSV, 2),
        (b'question,answer\na,"b"c\n', RowFaultKind.BROKEN_CSV, 2),
        (b"question,answer\na,b\xff\n", RowFaultKind.NOT_UTF8, 2),
        (b"question,answer\na,b\0\n", RowFaultKind.NUL, 2),
        (b"\nquestion,answer,answer\na,b,c\n", RowFaultKind.DUPLICATE_FIELD, 2),
        (b"question,\xff\na,b\n", RowFaultKind.NOT_UTF8, 1),
        (b'"question\na,b\n', RowFaultKind.BROKEN_CSV, 1),
        ("question,answer\n".encode("utf-16"), RowFaultKind.NOT_UTF8, 1),
    ],
)
def test_broken_csv_is_a_fault(tmp_path: Path, text: bytes, kind: RowFaultKind, line: int) -> None:
    fault = only_fault(rows_of(write(tmp_path, "a.csv", text)))

    assert (fault.kind, fault.line) == (kind, line)


def test_a_csv_cell_may_be_larger_than_the_csv_module_allows(tmp_path: Path) -> None:
    row = only_row(rows_of(write(tmp_path, "a.csv", f"question,answer\n{'x' * 500_000},b\n")))

    assert len(row.record["question"]) == 500_000


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl"])
def test_an_empty_file_has_no_rows(tmp_path: Path, name: str) -> None:
    file = write(tmp_path, name, "")

    assert rows_of(file) == []
    assert count_rows([file]) == 0


def test_a_file_that_cannot_be_opened_is_a_fault(tmp_path: Path) -> None:
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()

    assert only_fault(rows_of(tmp_path / "none.jsonl")).kind == RowFaultKind.MISSING_FILE
    assert only_fault(rows_of(Path("a\0b.jsonl"))).kind == RowFaultKind.MISSING_FILE
    assert only_fault(rows_of(folder)).kind == RowFaultKind.UNREADABLE
    assert only_fault(rows_of(tmp_path / "a.parquet")).kind == RowFaultKind.UNKNOWN_FORMAT
    assert count_rows([folder]) == 0


def test_files_follow_each_other_in_the_order_given(tmp_path: Path) -> None:
    files = [write(tmp_path, name, json.dumps(GOOD)) for name in ("b.jsonl", "a.jsonl")]

    rows = read_rows(files, task="squad", needed=("question",))

    assert [row.file for row in rows] == files


def test_rows_are_read_as_they_are_asked_for(tmp_path: Path) -> None:
    file = write(tmp_path, "a.jsonl", f"{json.dumps(GOOD)}\n" * 100_000)
    rows = read_rows([file], task="squad", needed=("question",))

    next(rows)
    with file.open("r+b") as stream:
        stream.truncate(1_000_000)

    assert sum(1 for _ in rows) < 99_999


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl"])
@given(content=st.binary(max_size=60))
def test_any_bytes_give_rows_or_faults(
    tmp_path_factory: pytest.TempPathFactory, name: str, content: bytes
) -> None:
    file = write(tmp_path_factory.mktemp("rows"), name, content)

    items = rows_of(file)

    assert all(1 <= item.line <= content.count(b"\n") + 1 for item in items)
    assert count_rows([file]) >= sum(isinstance(item, Row) for item in items)


@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_what_json_and_csv_writers_write_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    records = [{"question": text, "answer": text + "."} for text in texts]
    with (folder / "a.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["question", "answer"])
        writer.writeheader()
        writer.writerows(records)
    write(folder, "a.json", json.dumps(records))
    write(folder, "a.jsonl", "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))

    for name in ("a.csv", "a.json", "a.jsonl"):
        found = [row.record for row in rows_of(folder / name) if isinstance(row, Row)]
        assert found == records


@pytest.mark.skipif(DATA is None, reason="needs SOFTPROMPT_DATA")
def test_published_data_has_the_counts_its_readme_states() -> None:
    folder = Path(DATA or "") / "squad/nemo"
    test_file = folder / "squad_test_ground_truth.jsonl"
    needed = ("context", "question", "answer")

    rows = list(read_rows([test_file], task="squad", needed=needed, list_allowed=["answer"]))

    assert len(rows) == 301
    assert all(isinstance(row, Row) and isinstance(row.record["answer"], list) for row in rows)
    assert count_rows([folder / "squad_train.jsonl", folder / "squad_val.jsonl"]) == 2_298 + 311
