"""Records of a task, streamed from its data files and checked field by field.

Compiler and runtime read data through this module, so both see the same rows and the same faults.
"""

import re
import sys
from collections.abc import Container, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from softprompt_plan.row_fault import Header, RawRow, RowFault, RowFaultKind, describe
from softprompt_plan.row_files import count_raw_rows, read_raw_rows
from softprompt_plan.row_limit import RowLimit, drawn_rows
from softprompt_plan.tables import OpenTable

__all__ = ["Row", "RowFault", "RowFaultKind", "RowLimit", "count_rows", "read_rows"]

TASK_COLUMN = "taskname"  # NeMo's name: which task a row of a mixed file belongs to
_NO_RENAMES: Mapping[str, str] = MappingProxyType({})
_PATH = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[\d{1,9}\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # JSON's \uD83D without its other half
_NUM_NAMES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record. `line` is where it starts, from 1; `row` counts the file's rows from 0.

    Of a table, whose rows are no lines, `line` is the row's number, from 1. A split of a data set
    has the text that names it, `hf:NAME[split]`, for a file.

    number: counts the rows of all files that are read together from 0, faulty ones included.
    record: template field -> text, or a list of texts where the caller allows several references.
    extra: columns of the row that no field uses.
    """

    file: Path
    line: int
    row: int
    number: int
    record: dict[str, str | list[str]]
    extra: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class _Column:
    """Where a field's value is: `steps` into a row, such as ("answers", "text", 0)."""

    field: str
    path: str
    steps: tuple[str | int, ...]
    required: bool
    list_allowed: bool

    @property
    def name(self) -> str:
        renamed = "" if self.path == self.field else f" (column `{self.path}`)"
        return f"`{self.field}`{renamed}"


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    columns: tuple[_Column, ...]
    used: frozenset[str]  # names of top-level columns
    task: str | None  # None where the task column is an ordinary field


class _FieldFaultError(Exception):
    def __init__(self, kind: RowFaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def read_rows(
    files: Sequence[Path],
    *,
    task: str,
    needed: Sequence[str],
    optional: Sequence[str] = (),
    list_allowed: Sequence[str] = (),
    fields: Mapping[str, str] = _NO_RENAMES,
    limit: RowLimit | None = None,
    open_table: OpenTable | None = None,
) -> Iterator[Row | RowFault]:
    """The records of `files`, in order; a faulty row gives one RowFault a faulty field, and no Row.

    task: rows whose `taskname` names another task are faults. needed, optional: template fields.
    list_allowed: fields whose value may also be a list of texts. fields: template field -> column,
    for renamed ones; a path such as `answers.text[0]` leads into nested JSON and nested columns.
    limit: takes some of the rows, faulty ones among them; no other row is looked at. open_table:
    opens Parquet files and data sets; without it they are faults.
    Blank lines are no rows. Values are given as they are: nothing is stripped or converted.
    """
    wanted = _wanted(task, (*needed, *optional), frozenset(needed), list_allowed, fields)
    taken = _taken(files, limit, open_table)
    first = 0  # number of the file's first row
    for file in files:
        if first >= taken.end:
            return
        first += yield from _file_rows(file, first, wanted, taken, open_table)


def count_rows(files: Sequence[Path], open_table: OpenTable | None = None) -> int:
    """How many rows the files hold, faulty ones included. A file that cannot be read has none."""
    return sum(count_raw_rows(file, open_table) for file in files)


def _wanted(
    task: str,
    names: Sequence[str],
    needed: frozenset[str],
    list_allowed: Sequence[str],
    fields: Mapping[str, str],
) -> _Wanted:
    columns = tuple(
        _Column(
            field=name,
            path=fields.get(name, name),
            steps=_steps(fields[name]) if name in fields else (name,),
            required=name in needed,
            list_allowed=name in list_allowed,
        )
        for name in dict.fromkeys(names)
    )
    used = frozenset(name for column in columns for name in (column.path, str(column.steps[0])))
    checked = None if TASK_COLUMN in used else task
    return _Wanted(columns=columns, used=used | {TASK_COLUMN}, task=checked)


def _steps(path: str) -> tuple[str | int, ...]:
    """`answers.text[0]` -> ("answers", "text", 0). What is no path is a plain column name."""
    if not _PATH.fullmatch(path):
        return (path,)
    return tuple(int(index) if index else name for index, name in _STEP.findall(path))


@dataclass(frozen=True, kw_only=True)
class _Taken:
    """Numbers of the rows that are taken. end: behind the last of them."""

    rows: Container[int]
    end: int


def _taken(files: Sequence[Path], limit: RowLimit | None, open_table: OpenTable | None) -> _Taken:
    if limit is None:
        return _Taken(rows=range(sys.maxsize), end=sys.maxsize)
    if limit.seed is None:
        return _Taken(rows=range(limit.max_rows), end=limit.max_rows)
    drawn = drawn_rows(count_rows(files, open_table), limit.max_rows, limit.seed)
    return _Taken(rows=drawn, end=max(drawn, default=-1) + 1)


def _file_rows(
    file: Path, first: int, wanted: _Wanted, taken: _Taken, open_table: OpenTable | None
) -> Generator[Row | RowFault, None, int]:
    """What is taken of a file whose first row has the number `first`; how many rows it had."""
    count = 0
    for item in read_raw_rows(file, wanted.used, open_table):
        if isinstance(item, Header):
            if missing := _missing_columns(item, wanted):
                yield from missing  # once for the file, not once a row
                break
        elif item.row is None:
            assert isinstance(item, RowFault), "only a fault has no row"
            yield item
        elif (number := first + item.row) >= taken.end:
            break
        else:
            count = item.row + 1
            if number in taken.rows:
                yield from _check_row(item, number, wanted)
    return count


def _missing_columns(header: Header, wanted: _Wanted) -> list[RowFault]:
    return [
        RowFault(
            file=header.file,
            line=header.line,
            row=None,
            kind=RowFaultKind.MISSING_FIELD,
            detail=f"there is no column for {column.name}; {_columns_in_words(header)}",
            field=column.field,
        )
        for column in wanted.columns
        if column.required and not _has_column(header, column)
    ]


def _has_column(header: Header, column: _Column) -> bool:
    nested = header.nested and column.steps[0] in header.columns
    return nested or column.path in header.columns


def _columns_in_words(header: Header) -> str:
    """The columns; of a file that other signs divide, what divides them."""
    only = header.columns[0] if len(header.columns) == 1 and not header.nested else ""
    for sign, name in ((";", "semicolons"), ("\t", "tabs"), ("|", "vertical bars")):
        if sign in only:
            return f"{name} divide the file's columns, where CSV has commas"
    return f"there is {_names(header.columns)}"


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_NUM_NAMES_SHOWN])
    return shown + (", ..." if len(names) > _NUM_NAMES_SHOWN else "") if names else "none"


def _check_row(raw: RawRow | RowFault, number: int, wanted: _Wanted) -> Iterator[Row | RowFault]:
    if isinstance(raw, RowFault):
        yield raw
        return
    record: dict[str, str | list[str]] = {}
    faults: list[RowFault] = []

    def fault(field: str, kind: RowFaultKind, detail: str) -> None:
        file, line, row = raw.file, raw.line, raw.row
        faults.append(
            RowFault(file=file, line=line, row=row, kind=kind, detail=detail, field=field)
        )

    for kind, detail in _task_faults(raw, wanted):
        fault(TASK_COLUMN, kind, detail)
    for column in wanted.columns:
        try:
            value = _field(raw, column)
        except _FieldFaultError as error:
            fault(column.field, error.kind, error.detail)
        else:
            if value is not None:
                record[column.field] = value
    if faults:
        yield from faults
    else:
        extra = tuple(name for name in raw.value if name not in wanted.used) + (raw.unread or ())
        file, line, row = raw.file, raw.line, raw.row
        yield Row(file=file, line=line, row=row, number=number, record=record, extra=extra)


def _task_faults(raw: RawRow, wanted: _Wanted) -> Iterator[tuple[RowFaultKind, str]]:
    if wanted.task is None or TASK_COLUMN not in raw.value:
        return
    named = raw.value[TASK_COLUMN]
    if not isinstance(named, str):
        yield RowFaultKind.NON_STRING, f"`{TASK_COLUMN}` is {describe(named)}, not text"
    elif named != wanted.task:
        detail = f"the row's `{TASK_COLUMN}` is `{named:.80}`, not `{wanted.task}`"
        yield RowFaultKind.OTHER_TASK, detail


def _field(raw: RawRow, column: _Column) -> str | list[str] | None:
    """The column's value, checked; None for an optional column that is not there."""
    found, value = _lookup(raw.value, column)
    if raw.unread is not None and value is None and not column.required:
        return None  # a table has no other way to leave a value out
    if not found:
        if not column.required:
            return None
        detail = f"there is no {column.name}; the row has {_names(list(raw.value))}"
        raise _FieldFaultError(RowFaultKind.MISSING_FIELD, detail)
    if not (column.list_allowed and isinstance(value, list)):
        return _text(value, column.name)
    texts = cast("list[Any]", value)
    if not texts:
        raise _FieldFaultError(RowFaultKind.EMPTY_LIST, f"{column.name} is an empty list")
    return [_text(text, f"{column.name}, item {at},") for at, text in enumerate(texts)]


def _lookup(row: dict[str, Any], column: _Column) -> tuple[bool, Any]:
    if column.path in row:  # a column whose name only looks like a path
        return True, row[column.path]
    value: Any = row
    for step in column.steps:
        if isinstance(step, str) and isinstance(value, dict) and step in value:
            value = cast("dict[str, Any]", value)[step]
        elif isinstance(step, int) and isinstance(value, list) and step < len(cast("Any", value)):
            value = cast("list[Any]", value)[step]
        else:
            return False, None
    return True, value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        detail = f"{name} is {describe(value)}, not text"
        raise _FieldFaultError(RowFaultKind.NON_STRING, detail)
    if "\0" in value:
        raise _FieldFaultError(RowFaultKind.NUL, f"{name} holds a NUL character")
    if not value.isascii() and _LONE_SURROGATE.search(value):
        detail = f"{name} holds half of a surrogate pair, which no text can hold"
        raise _FieldFaultError(RowFaultKind.LONE_SURROGATE, detail)
    return value
