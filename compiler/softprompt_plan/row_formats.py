"""Which files hold rows, by their names alone."""

from pathlib import Path

HUB_PREFIX = "hf:"  # of `hf:NAME[SPLIT]`, see hub_data
PARQUET = ".parquet"
FORMATS = (".jsonl", ".json", ".csv", PARQUET)  # as messages list them
COMPRESSED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".lz4", ".br")


def is_hub_data(text: str) -> bool:
    """Whether the text of a data path asks for a data set, rightly or not."""
    return text.startswith(HUB_PREFIX)


def is_table(source: Path) -> bool:
    """Whether a source of rows has typed columns, and so rows in place of lines."""
    return source.suffix.lower() == PARQUET or is_hub_data(str(source))


def is_known_format(file: Path) -> bool:
    """Whether the end of a file's name says how to read it."""
    return is_table(file) or file.suffix.lower() in (*FORMATS, ".ndjson")
