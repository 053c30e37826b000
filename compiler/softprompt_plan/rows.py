"""Records of a task, streamed from its data files and checked field by field.

Compiler and runtime read data through this module, so both see the same rows and the same faults.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from softprompt_plan.row_fault import Header, RawRow, RowFault, RowFaultKind, describe
from softprompt_plan.row_files import read_raw_rows

__all__ = ["Row", "RowFault", "RowFaultKind", "count_rows", "read_rows"]

TASK_COLUMN = "taskname"  # NeMo's name: which task a row of a mixed file belongs to
_NO_RENAMES: Mapping[str, str] = MappingProxyType({})
_PATH = re.compile(r"[^.\[\]]+(?:\.[^.\[\]]+|\[\d{1,9}\])*")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")
_LONE_SURROGATE = re.compile(r"[\ud800-\udfff]")  # JSON's \uD83D without its other half
_NUM_NAMES_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Row:
    """One record. `line` is where it starts, from 1; `row` counts the file's rows from 0.

    record: template field -> text, or a list of texts where the caller allows several references.
    extra: columns of the row that no field uses.
    """

    file: Path
    line: int
    row: int
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
) -> Iterator[Row | RowFault]:
    """The records of `files`, in order; a faulty row gives one RowFault a faulty field, and no Row.

    task: rows whose `taskname` names another task are faults. needed, optional: template fields.
    list_allowed: fields whose value may also be a list of texts. fields: template field -> column,
    for renamed ones; a path such as `answers.text[0]` leads into nested JSON.
    Blank lines are no rows. Values are given as they are: nothing is stripped or converted.
    """
    wanted = _wanted(task, (*needed, *optional), frozenset(needed), list_allowed, fields)
    for file in files:
        yield from _file_rows(file, wanted)


def count_rows(files: Sequence[Path]) -> int:
    """How many rows the files hold, faulty ones included. A file that cannot be read has none."""
    return sum(_is_row(item) for file in files for item in read_raw_rows(file))


def _is_row(item: RawRow | Header | RowFault) -> bool:
    return not isinstance(item, Header) and item.row is not None


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


def _file_rows(file: Path, wanted: _Wanted) -> Iterator[Row | RowFault]:
    for item in read_raw_rows(file):
        if isinstance(item, RowFault):
            yield item
        elif isinstance(item, RawRow):
            yield from _check_row(item, wanted)
        elif missing := _missing_columns(item, wanted):
            yield from missing  # once for the file, not once a row
            return


def _missing_columns(header: Header, wanted: _Wanted) -> list[RowFault]:
    return [
        RowFault(
            file=header.file,
            line=header.line,
            row=None,
            kind=RowFaultKind.MISSING_FIELD,
            detail=f"there is no column for {column.name}; there is {_names(header.columns)}",
            field=column.field,
        )
        for column in wanted.columns
        if column.required and column.path not in header.columns
    ]


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_NUM_NAMES_SHOWN])
    return shown + (", ..." if len(names) > _NUM_NAMES_SHOWN else "") if names else "none"


def _check_row(raw: RawRow, wanted: _Wanted) -> Iterator[Row | RowFault]:
    record: dict[str, str | list[str]] = {}
    faults: list[RowFault] = []

    def fault(field: str, kind: RowFaultKind, detail: str) -> None:
        file, line, row = raw.file, raw.line, raw.row
        faults.append(
            RowFault(file=file, line=line, row=row, kind=kind, detail=detail, field=field)
        )

    named = raw.value.get(TASK_COLUMN)
    if wanted.task is not None and isinstance(named, str) and named != wanted.task:
        detail = f"the row's `{TASK_COLUMN}` is `{named:.80}`, not `{wanted.task}`"
        fault(TASK_COLUMN, RowFaultKind.OTHER_TASK, detail)
    for column in wanted.columns:
        try:
            value = _field(raw.value, column)
        except _FieldFaultError as error:
            fault(column.field, error.kind, error.detail)
        else:
            if value is not None:
                record[column.field] = value
    if faults:
        yield from faults
    else:
        extra = tuple(name for name in raw.value if name not in wanted.used)
        yield Row(file=raw.file, line=raw.line, row=raw.row, record=record, extra=extra)


def _field(row: dict[str, Any], column: _Column) -> str | list[str] | None:
    """The column's value, checked; None for an optional column that is not there."""
    found, value = _lookup(row, column)
    if not found:
        if not column.required:
            return None
        detail = f"there is no {column.name}; the row has {_names(list(row))}"
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
