"""Data files, row by row, before any field is looked at: .jsonl, .json and .csv, and tables.

Nothing here raises for what a file holds: a broken row is a RowFault with its place. Lines end at
line feeds only (a carriage return before one is dropped), so U+2028 inside text ends nothing.
"""

import csv
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import IO

from softprompt_plan.json_rows import holds_json_lines, json_line, json_text_rows, row_of
from softprompt_plan.row_fault import Header, RawRow, RowFault, RowFaultKind, file_fault
from softprompt_plan.row_formats import COMPRESSED, FORMATS, is_table
from softprompt_plan.tables import OpenTable, count_table_rows, table_rows

_BOM = b"\xef\xbb\xbf"
_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")
_MAX_CSV_CELL = 2**31 - 1  # characters; the csv module's own limit of 131,072 is too low for text
_ESCAPED_BYTE = re.compile(r"[\udc80-\udcff]")  # how surrogateescape stands for a broken byte


def read_raw_rows(
    file: Path, used: Collection[str] = (), open_table: OpenTable | None = None
) -> Iterator[RawRow | Header | RowFault]:
    """The rows of `file` in order. All are streamed but those of a .json, which is read whole.

    used: the columns that are read of a table. open_table: opens one; None where there is none.
    """
    if "\0" in str(file):
        yield file_fault(file, RowFaultKind.MISSING_FILE, "a file's name holds no NUL")
        return
    if is_table(file):
        if open_table is None:
            detail = "there is nothing here that reads tables"
            yield file_fault(file, RowFaultKind.UNKNOWN_FORMAT, detail)
        else:
            yield from table_rows(file, open_table, used)
        return
    reader = _READERS.get(file.suffix.lower())
    if reader is None:
        yield file_fault(file, RowFaultKind.UNKNOWN_FORMAT, unknown_format(file))
        return
    try:
        with file.open("rb") as stream:
            if _skip_mark(stream):
                yield from reader(file, stream)
            else:
                detail = "the file is UTF-16; save it as UTF-8"
                yield file_fault(file, RowFaultKind.NOT_UTF8, detail)
    except FileNotFoundError:
        yield file_fault(file, RowFaultKind.MISSING_FILE, "there is no such file")
    except OSError as error:
        detail = f"the file cannot be read: {error.strerror}"
        yield file_fault(file, RowFaultKind.UNREADABLE, detail)


def unknown_format(file: Path) -> str:
    """Why the file cannot be read, and what can."""
    suffix = file.suffix.lower()
    if suffix in COMPRESSED:
        return f"a `{suffix}` file is compressed; unpack it first"
    return f"a `{suffix}` file cannot be read; use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"


def count_raw_rows(file: Path, open_table: OpenTable | None = None) -> int:
    """How many rows `read_raw_rows` finds, faulty ones included. Decodes no JSON lines."""
    if is_table(file):
        return 0 if open_table is None else count_table_rows(file, open_table)
    if _READERS.get(file.suffix.lower()) is not _json_lines:
        return sum(_is_row(item) for item in read_raw_rows(file))
    try:
        with file.open("rb") as stream:
            return sum(1 for line in stream if line.strip()) if _skip_mark(stream) else 0
    except (OSError, ValueError):  # ValueError: a NUL in its name
        return 0


def _is_row(item: RawRow | Header | RowFault) -> bool:
    return not isinstance(item, Header) and item.row is not None


def _skip_mark(stream: IO[bytes]) -> bool:
    """Stand behind a UTF-8 byte order mark. False for a UTF-16 one."""
    start = stream.read(len(_BOM))
    stream.seek(len(_BOM) if start == _BOM else 0)
    return start[:2] not in _UTF16_MARKS


def _json_lines(file: Path, stream: IO[bytes]) -> Iterator[RawRow | RowFault]:
    row = 0
    for line, raw in enumerate(stream, start=1):
        if raw.strip():
            yield json_line(file, line, row, raw)
            row += 1


def _json(file: Path, stream: IO[bytes]) -> Iterator[RawRow | RowFault]:
    start = stream.tell()
    raw = stream.read()
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        detail = f"the byte 0x{raw[error.start]:02x} is not UTF-8"
        line = raw.count(b"\n", 0, error.start) + 1
        yield file_fault(file, RowFaultKind.NOT_UTF8, detail, line)
        return
    if holds_json_lines(text):
        stream.seek(start)
        yield from _json_lines(file, stream)
    else:
        yield from json_text_rows(file, text)


def _csv(file: Path, stream: IO[bytes]) -> Iterator[RawRow | Header | RowFault]:
    csv.field_size_limit(_MAX_CSV_CELL)
    lines = _csv_lines(stream)
    line, first = next(lines, (1, None))
    if first is None:
        return
    header = _header(file, line, first)
    yield header
    if isinstance(header, RowFault):
        return
    for row, (line, cells) in enumerate(lines):
        if isinstance(cells, str):
            kind = RowFaultKind.BROKEN_CSV
            yield RowFault(file=file, line=line, row=row, kind=kind, detail=cells)
        else:
            yield _csv_row(header, line, row, cells)


def _csv_lines(stream: IO[bytes]) -> Iterator[tuple[int, list[str] | str]]:
    """(line, cells) of each row that is not blank; (line, fault) where there are no cells."""
    texts = (raw.decode("utf-8", "surrogateescape") for raw in stream)
    reader = csv.reader(texts, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"this is not CSV: {error}"
            continue
        if cells:
            yield line, cells


def _header(file: Path, line: int, cells: list[str] | str) -> Header | RowFault:
    if isinstance(cells, str):
        return file_fault(file, RowFaultKind.BROKEN_CSV, cells, line)
    if _ESCAPED_BYTE.search("".join(cells)):
        return file_fault(file, RowFaultKind.NOT_UTF8, "a column name is not UTF-8", line)
    names = [name for name in cells if name]  # spreadsheets leave an index column nameless
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        detail = f"the column `{twice}` is there twice"
        return file_fault(file, RowFaultKind.DUPLICATE_FIELD, detail, line)
    return Header(file=file, line=line, columns=tuple(cells))


def _csv_row(header: Header, line: int, row: int, cells: list[str]) -> RawRow | RowFault:
    columns = header.columns
    kind = RowFaultKind.BROKEN_CSV
    if len(cells) != len(columns):
        detail = f"the row has {len(cells)} cells and the header {len(columns)} columns"
    elif _ESCAPED_BYTE.search("".join(cells)):
        kind, detail = RowFaultKind.NOT_UTF8, "the row holds a byte that is not UTF-8"
    else:
        return row_of(header.file, line, row, dict(zip(columns, cells, strict=True)))
    return RowFault(file=header.file, line=line, row=row, kind=kind, detail=detail)


_READERS: dict[str, Callable[[Path, IO[bytes]], Iterator[RawRow | Header | RowFault]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _csv,
}
