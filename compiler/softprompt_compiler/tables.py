"""Opens data that is not text, for the compiler. Loads pyarrow or datasets, where they are."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from softprompt_plan.hub_table import open_hub_data
from softprompt_plan.parquet_table import open_parquet
from softprompt_plan.row_formats import is_hub_data
from softprompt_plan.tables import Table, library_missing


def open_table(source: Path) -> Table:
    """See `softprompt_plan.tables.OpenTable`. Downloads nothing."""
    if not is_hub_data(str(source)):
        try:
            from pyarrow import parquet
        except ImportError:
            raise library_missing("pyarrow") from None
        return open_parquet(source, parquet)
    try:
        import datasets
    except ImportError:
        raise library_missing("datasets") from None
    with _offline(datasets):
        return open_hub_data(source, datasets)


@contextmanager
def _offline(datasets: Any) -> Generator[None]:
    """Checking a spec asks nobody. The variable HF_HUB_OFFLINE counts only before the import."""
    before, datasets.config.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE, True
    try:
        yield
    finally:
        datasets.config.HF_HUB_OFFLINE = before
