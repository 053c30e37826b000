"""Which files hold rows, by their names alone."""

from pathlib import Path

from softprompt_plan.hub_data import is_hub_data

PARQUET = ".parquet"
FORMATS = (".jsonl", ".json", ".csv", PARQUET)  # as messages list them
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".lz4", ".br")


def is_table(source: Path) -> bool:
    """Whether a source of rows has typed columns, and so rows in place of lines."""
    return source.suffix.lower() == PARQUET or is_hub_data(str(source))


def is_known_format(file: Path) -> bool:
    """Whether the end of a file's name says how to read it."""
    return is_table(file) or file.suffix.lower() in (*FORMATS, ".ndjson")
