"""Data that has typed columns in place of text: Parquet files, and data sets of the hub.

This package needs the standard library only, so whoever reads such data hands in an `OpenTable`,
which opens it with pyarrow or with the datasets library. All that is decided of rows is decided
here and in `rows`, once for both halves.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from softprompt_plan.row_fault import Header, RawRow, RowFault, RowFaultKind, file_fault


class Batch(Protocol):
    """Some rows of a table that follow one another. pyarrow's Table and RecordBatch are such."""

    @property
    def num_rows(self) -> int:
        """How many."""
        ...

    def slice(self, offset: int, length: int, /) -> "Batch":
        """`length` of them, from `offset` on."""
        ...

    def to_pylist(self) -> list[dict[str, Any]]:
        """The rows as Python values. Raises UnicodeDecodeError for text that is not UTF-8."""
        ...


class Table(Protocol):
    """An opened table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the top-level columns."""
        ...

    @property
    def num_rows(self) -> int:
        """How many rows it has."""
        ...

    @property
    def fingerprint(self) -> str | None:
        """Tells its content from any other; None if it is a file, whose bytes tell."""
        ...

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """All rows in order, with these top-level columns only. Raises TableError."""
        ...

    def close(self) -> None:
        """Let go of the file."""
        ...


OpenTable: TypeAlias = Callable[[Path], Table]  # raises TableError


class TableError(ValueError):
    """A table that cannot be read. `detail` is a plain sentence."""

    def __init__(self, kind: RowFaultKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


def library_missing(package: str) -> TableError:
    """That a Python package is not installed, without which a table cannot be read."""
    detail = f"it needs the Python package `{package}`, which is not installed here"
    return TableError(RowFaultKind.NO_LIBRARY, detail)


def first_line(error: BaseException) -> str:
    """What a library's exception says, in one short line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300].rstrip(".")


def table_rows(
    source: Path, open_table: OpenTable, used: Collection[str]
) -> Iterator[RawRow | Header | RowFault]:
    """The table's header, then its rows. The line of a row is its number, counted from 1.

    used: the columns that are read, if they are there; the others are only named.
    """
    row = 0
    try:
        table = open_table(source)
        try:
            yield _header(source, table)
            # Without any column there would be no telling how many rows there are.
            columns = [name for name in table.columns if name in used] or table.columns[:1]
            unread = tuple(name for name in table.columns if name not in columns)
            for batch in table.batches(columns):
                for value in _values(batch):
                    yield _row(source, row, value, unread)
                    row += 1
        finally:
            table.close()
    except TableError as error:
        yield file_fault(source, error.kind, error.detail, row + 1)


def count_table_rows(source: Path, open_table: OpenTable) -> int:
    """How many rows the table has; none if it cannot be opened. Reads no row."""
    try:
        table = open_table(source)
    except TableError:
        return 0
    try:
        return table.num_rows
    finally:
        table.close()


def _header(source: Path, table: Table) -> Header:
    columns = table.columns
    if len(set(columns)) == len(columns):
        return Header(file=source, line=1, columns=columns, nested=True)
    twice = next(name for name in columns if columns.count(name) > 1)
    detail = f"the column `{twice}` is there twice"
    raise TableError(RowFaultKind.DUPLICATE_FIELD, detail)


def _values(batch: Batch) -> Iterator[dict[str, Any] | None]:
    """The rows of a batch; None for one whose text is not UTF-8, which nothing checks on write."""
    try:
        yield from batch.to_pylist()
    except UnicodeDecodeError:
        for at in range(batch.num_rows):
            try:
                yield from batch.slice(at, 1).to_pylist()
            except UnicodeDecodeError:
                yield None


def _row(
    source: Path, row: int, value: dict[str, Any] | None, unread: tuple[str, ...]
) -> RawRow | RowFault:
    if value is not None:
        return RawRow(file=source, line=row + 1, row=row, value=value, unread=unread)
    detail = "the row holds text that is not UTF-8"
    kind = RowFaultKind.NOT_UTF8
    return RowFault(file=source, line=row + 1, row=row, kind=kind, detail=detail)
