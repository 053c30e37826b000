"""What decides a task's tokenized rows, as one digest. If any of it changes, they are made anew."""

import hashlib
import json
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import Any

from softprompt_plan.plan import TaskPlan
from softprompt_plan.row_formats import is_hub_data
from softprompt_plan.vocabulary import Split
from softprompt_runtime.tables import open_table

_ROW_PACKAGE = "softprompt_plan"
_ROW_MODULES = (
    "examples.py",
    "row_columns.py",
    "tables.py",
)  # of the runtime: what they do with a row
_LIBRARIES = ("tokenizers", "pyarrow", "datasets")

# Fields of a task that decide nothing about its rows; every other one is part of the key. What
# the paths name is known by its content.
_IRRELEVANT = ("weight", "metrics")
_PATHS = ("train", "validation", "test")


def row_key(
    task: TaskPlan,
    split: Split,
    files: Sequence[Path],
    *,
    tokenizer: str,
    max_seq_length: int,
    add_bos: bool,
) -> str | None:
    """64 hex digits: equal for equal rows of equal files, tokenized alike by the same code.

    None where a source does not tell its content. tokenizer: its digest. Reads all files, in
    pieces. Raises OSError for one that cannot be read, TableError for a data set.
    """
    sources = [source_digest(file) for file in files]
    if None in sources:
        return None
    parts = {
        "code": _code_digest(),
        "task": _row_settings(task, split),
        "split": split.value,
        "tokenizer": tokenizer,
        "max_seq_length": max_seq_length,
        "add_bos": add_bos,
        "sources": sources,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def source_digest(file: Path) -> str | None:
    """Digest of a data file: its bytes, and its suffix, which says how they are read.

    Of a data set's split, what the library tells it by; None if it does not. Raises OSError for a
    file that cannot be read, TableError for a data set.
    """
    if is_hub_data(str(file)):
        table = open_table(file)
        table.close()
        return table.fingerprint and f"{file} {table.fingerprint}"
    with file.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    return f"{content}{file.suffix.lower()}"


def _row_settings(task: TaskPlan, split: Split) -> dict[str, Any]:
    values = {key: value for key, value in asdict(task).items() if key not in _IRRELEVANT}
    data: dict[str, Any] = values["data"]
    kept = {key: value for key, value in data.items() if key not in _PATHS}
    return values | {"data": kept | {"max_rows": data["max_rows"][split.value]}}


@cache
def _code_digest() -> str:
    """Of the source text of all that makes ids of a row, and the versions of what it calls."""
    here = resources.files("softprompt_runtime")
    package = resources.files(_ROW_PACKAGE).iterdir()
    sources = sorted((file for file in package if file.is_file()), key=lambda file: file.name)
    sources += [here / name for name in _ROW_MODULES]
    sha = hashlib.sha256(repr([version(name) for name in _LIBRARIES]).encode())
    sha.update(f"{sys.version_info[:2]} {unicodedata.unidata_version}".encode())
    for source in sources:
        content = source.read_bytes()
        sha.update(f"\0{source.name} {len(content)}\0".encode() + content)
    return sha.hexdigest()
