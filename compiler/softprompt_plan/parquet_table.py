"""A Parquet file as a table. pyarrow's `parquet` module is handed in."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, final

from softprompt_plan.row_fault import RowFaultKind
from softprompt_plan.tables import Batch, Table, TableError, first_line

_BATCH = 1024  # rows of a batch
_BUFFER = 1 << 16  # bytes of a column that are held at a time


def open_parquet(file: Path, parquet: Any) -> Table:
    """The file, opened. parquet: the module `pyarrow.parquet`. Raises TableError."""
    try:
        # By default a whole row group is held in memory, and a file may be a single one.
        return _ParquetTable(parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False))
    except FileNotFoundError:
        raise TableError(RowFaultKind.MISSING_FILE, "there is no such file") from None
    except Exception as error:  # pyarrow's exceptions have no base that this package could name
        raise _not_parquet(error) from None


@final
class _ParquetTable:
    def __init__(self, file: Any) -> None:
        self._file = file
        self.columns: tuple[str, ...] = tuple(file.schema_arrow.names)
        self.num_rows: int = file.metadata.num_rows
        self.fingerprint = None

    def batches(self, columns: Sequence[str]) -> Iterator[Batch]:
        """See Table."""
        try:
            yield from self._file.iter_batches(_BATCH, columns=list(columns), use_threads=False)
        except Exception as error:  # see open_parquet
            raise _not_parquet(error) from None

    def close(self) -> None:
        """See Table."""
        self._file.close()


def _not_parquet(error: Exception) -> TableError:
    if isinstance(error, OSError) and error.strerror:
        return TableError(RowFaultKind.UNREADABLE, f"the file cannot be read: {error.strerror}")
    return TableError(RowFaultKind.BROKEN_PARQUET, f"this is not Parquet: {first_line(error)}")
