"""Parquet files for tests."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet


def write_parquet(
    file: Path, rows: Sequence[Mapping[str, Any]], *, row_group_size: int | None = None
) -> Path:
    """Write the rows; the columns' types are told from them."""
    table: Any = pyarrow.Table.from_pylist([dict(row) for row in rows])
    parquet.write_table(table, file, row_group_size=row_group_size)
    return file
