"""Opens data that is not text, for the runtime."""

from pathlib import Path

from softprompt_plan.hub_table import open_hub_data
from softprompt_plan.parquet_table import open_parquet
from softprompt_plan.row_formats import is_hub_data
from softprompt_plan.tables import Table


def open_table(source: Path) -> Table:
    """See `softprompt_plan.tables.OpenTable`. Downloads what is not in the cache."""
    if is_hub_data(str(source)):
        import datasets  # takes seconds, and few runs need it

        return open_hub_data(source, datasets)
    from pyarrow import parquet

    return open_parquet(source, parquet)
