"""Rows of JSON text: a list of objects, or an object with a `data` list, with their lines."""

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, cast, final

from softprompt_plan.row_fault import (
    DuplicateFieldError,
    RawRow,
    RowFault,
    RowFaultKind,
    describe,
    file_fault,
    json_fault,
)

_SPACE = re.compile(r"[ \t\n\r]*")
_NO_ROWS = (
    "there is no list of rows; a .json file holds a list of objects or an object with a `data` "
    "list, and a .jsonl file one object a line"
)


def json_line(file: Path, line: int, row: int, raw: bytes) -> RawRow | RowFault:
    """The row of one line of JSON lines."""
    text, column = "", None
    try:
        text = raw.decode()
        return row_of(file, line, row, DECODER.decode(text))
    except UnicodeDecodeError as error:
        column = len(raw[: error.start].decode()) + 1
        kind, detail = RowFaultKind.NOT_UTF8, f"the byte 0x{raw[error.start]:02x} is not UTF-8"
    except (ValueError, RecursionError) as error:
        column = error.colno if isinstance(error, json.JSONDecodeError) else None
        kind, detail = json_fault(error, text)
    return RowFault(file=file, line=line, row=row, kind=kind, detail=detail, column=column)


def json_text_rows(file: Path, text: str) -> Iterator[RawRow | RowFault]:
    """The rows of a whole .json file. The first fault of the text itself ends them."""
    walk = _Walk(text)
    try:
        for row, (line, value) in enumerate(_rows(walk)):
            yield row_of(file, line, row, value)
    except _NoRowsError:
        yield file_fault(file, RowFaultKind.NO_ROW_LIST, _NO_ROWS)
    except json.JSONDecodeError as error:
        kind, detail = json_fault(error, text)
        yield file_fault(file, kind, detail, error.lineno, error.colno)
    except (ValueError, RecursionError) as error:
        kind, detail = json_fault(error, text)
        yield file_fault(file, kind, detail, walk.line())


def holds_json_lines(text: str) -> bool:
    """Whether the first line is a whole object and more text follows: JSON lines called .json."""
    first, _, rest = text.lstrip(" \t\n\r").partition("\n")
    if not first.startswith("{") or not rest.strip():
        return False
    try:
        DECODER.decode(first)
    except (ValueError, RecursionError):
        return False
    return True


def row_of(file: Path, line: int, row: int, value: Any) -> RawRow | RowFault:
    """`value` as a row, if it is an object."""
    if isinstance(value, dict):
        return RawRow(file=file, line=line, row=row, value=cast("dict[str, Any]", value))
    detail = f"a row is an object with named fields; this is {describe(value)}"
    kind = RowFaultKind.NOT_AN_OBJECT
    return RowFault(file=file, line=line, row=row, kind=kind, detail=detail)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DuplicateFieldError(f"the field `{twice}` is there twice")
    return value


DECODER = json.JSONDecoder(object_pairs_hook=_object)


class _NoRowsError(Exception):
    pass


@final
class _Walk:
    """A place in JSON text. `line` is counted as the place moves on, so the text is read once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._counted_to = 0
        self._line = 1

    def line(self) -> int:
        self._line += self.text.count("\n", self._counted_to, self.at)
        self._counted_to = self.at
        return self._line

    def peek(self) -> str:
        """The next character that is not white space; "" at the end."""
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.text[self.at : self.at + 1]

    def value(self) -> Any:
        self.peek()
        value, self.at = DECODER.raw_decode(self.text, self.at)
        return value

    def take(self, wanted: str) -> str:
        """The next character, which must be one of `wanted`."""
        found = self.peek()
        if not found or found not in wanted:
            names = " or ".join(f"'{sign}'" for sign in wanted)
            raise json.JSONDecodeError(f"Expecting {names}", self.text, self.at)
        self.at += 1
        return found


def _rows(walk: _Walk) -> Iterator[tuple[int, Any]]:
    """(line, value) of each row. Raises what the decoder raises, and _NoRowsError."""
    opening = walk.peek()
    if opening == "[":
        yield from _elements(walk)
    elif opening == "{":
        found = yield from _data_list(walk)
        if not found:
            raise _NoRowsError
    elif opening:
        walk.value()
        raise _NoRowsError
    else:
        return
    if walk.peek():
        raise json.JSONDecodeError("Extra data", walk.text, walk.at)


def _elements(walk: _Walk) -> Iterator[tuple[int, Any]]:
    walk.take("[")
    if walk.peek() == "]":
        walk.take("]")
        return
    closing = ","
    while closing == ",":
        walk.peek()
        line = walk.line()
        yield line, walk.value()
        closing = walk.take(",]")


def _data_list(walk: _Walk) -> Generator[tuple[int, Any], None, bool]:
    """The rows of an object's `data` list; whether there was one."""
    walk.take("{")
    found = False
    closing = "}" if walk.peek() == "}" and walk.take("}") else ","
    while closing == ",":
        if walk.peek() != '"':
            message = "Expecting property name enclosed in double quotes"
            raise json.JSONDecodeError(message, walk.text, walk.at)
        name = walk.value()
        walk.take(":")
        if name == "data" and walk.peek() == "[":
            found = True
            yield from _elements(walk)
        else:
            walk.value()
        closing = walk.take(",}")
    return found
