"""What a data file holds before its fields are looked at: rows, headers and faults, as data."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any


class RowFaultKind(StrEnum):
    """What is wrong with a file or a row."""

    MISSING_FILE = "missing_file"
    UNREADABLE = "unreadable"
    UNKNOWN_FORMAT = "unknown_format"
    NOT_UTF8 = "not_utf8"
    NUL = "nul"
    BROKEN_JSON = "broken_json"
    BROKEN_CSV = "broken_csv"
    BROKEN_PARQUET = "broken_parquet"
    NO_ROW_LIST = "no_row_list"
    NOT_AN_OBJECT = "not_an_object"
    DUPLICATE_FIELD = "duplicate_field"
    MISSING_FIELD = "missing_field"
    NON_STRING = "non_string"
    EMPTY_LIST = "empty_list"
    LONE_SURROGATE = "lone_surrogate"
    OTHER_TASK = "other_task"
    NO_LIBRARY = "no_library"  # a Python package that reads the format is not installed
    NOT_HERE = "not_here"  # data of the hub that is not in the cache, and the hub out of reach


@dataclass(frozen=True, kw_only=True)
class RowFault:
    """One fault. `line` and `column` are 1-based; `row` counts the file's rows from 0.

    A fault of the whole file has row None: what follows it in the file is not read. The faults of
    one row share its number.
    """

    file: Path
    line: int
    row: int | None
    kind: RowFaultKind
    detail: str  # one plain sentence, without file and line
    field: str | None = None
    column: int | None = None


@dataclass(frozen=True, kw_only=True)
class Header:
    """The columns of a CSV file or a table, which hold for all its rows.

    nested: whether columns may hold objects and lists, so that a path may lead into them.
    """

    file: Path
    line: int
    columns: tuple[str, ...]
    nested: bool = False


@dataclass(frozen=True, kw_only=True)
class RawRow:
    """One row as the file has it. `line` is where it starts.

    unread: of a row of a table, the columns that were not asked for; None if rows are text.
    """

    file: Path
    line: int
    row: int
    value: dict[str, Any]
    unread: tuple[str, ...] | None = None


def file_fault(
    file: Path, kind: RowFaultKind, detail: str, line: int = 1, column: int | None = None
) -> RowFault:
    """A fault of the whole file."""
    return RowFault(file=file, line=line, row=None, kind=kind, detail=detail, column=column)


class DuplicateFieldError(ValueError):
    """A JSON object names a field twice, so that nobody can say which one counts."""


def json_fault(error: ValueError | RecursionError, text: str) -> tuple[RowFaultKind, str]:
    """Kind and sentence for what the JSON decoder raised on `text`."""
    if isinstance(error, DuplicateFieldError):
        return RowFaultKind.DUPLICATE_FIELD, str(error)
    if isinstance(error, RecursionError):
        return RowFaultKind.BROKEN_JSON, "brackets are nested too deeply"
    if not isinstance(error, json.JSONDecodeError):
        return RowFaultKind.BROKEN_JSON, "a number has too many digits"
    if text[error.pos : error.pos + 1] == "\0":
        return RowFaultKind.NUL, "there is a NUL character"
    return RowFaultKind.BROKEN_JSON, f"this is not JSON: {error.msg}"


def describe(value: Any) -> str:
    """A value of a row in a few words: `a number (3)`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"a number ({value!r:.20})"
    if value is None:
        return "null"
    words = {str: "text", list: "a list", dict: "an object", bytes: "bytes"}
    return words.get(type(value), f"a value of type {type(value).__name__}")  # a table's
