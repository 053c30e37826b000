"""Tokenized rows in the user's cache: made once, then mapped into memory by every process.

A file's name holds the key of what its rows were made from and the digest of its own content. So a
file is whole and right, or it is not used; and processes that make the same rows at once replace
each other's file by an equal one.
"""

import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any, TypeAlias, final

import pyarrow as pa

from softprompt_runtime.atomic_write import TEMPORARY_SUFFIX, stream_and_name
from softprompt_runtime.cache_folder import cache_folder
from softprompt_runtime.row_table import RowTable

_SUFFIX = ".arrow"
_UNUSED = 30 * 24 * 3600.0  # seconds after which rows that no run has used go
_LEFT_OVER = 24 * 3600.0  # seconds after which an unfinished file is litter
_LOG = logging.getLogger("softprompt")

Write: TypeAlias = Callable[[Any], None]  # all rows into an open file, each time it is called


@final
@dataclass(frozen=True, kw_only=True)
class RowSource:
    """The rows of one task and split, and how to make them.

    key: what they are made from (`row_key`), asked for again once they are made, since data may
    change meanwhile; None where that cannot be told, and then nothing is cached. files: those that
    the rows count.
    """

    task: str
    files: Sequence[Path]
    key: Callable[[], str | None]
    write: Write


def open_rows(source: RowSource) -> RowTable:
    """The rows, from the cache if they are there, else made and put there.

    A cache that cannot be used is no failure: then the rows lie in a temporary file, or in memory.
    Whatever `write` raises for the data goes through, and leaves nothing behind.
    """
    key = source.key()
    if key is not None:
        try:
            folder = cache_folder() / "rows"
            return _find(folder, key, source) or _make(folder, key, source)
        except OSError as error:
            _LOG.warning("the rows of %s are not cached: %s", source.task, error)
    try:
        return _in_temporary_file(source)
    except OSError as error:
        _LOG.warning("the rows of %s are held in memory: %s", source.task, error)
    return _in_memory(source)


def _find(folder: Path, key: str, source: RowSource) -> RowTable | None:
    for path in folder.glob(f"{key}-*{_SUFFIX}"):
        try:
            rows = _checked(path, source)
        except FileNotFoundError:  # another process has just removed it
            continue
        except (OSError, ValueError, pa.ArrowException) as error:
            if isinstance(error, OSError) and error.errno:
                raise  # the system's refusal, which says nothing about the file
            _LOG.warning("%s is damaged and made anew: %s", path, error)
            with suppress(OSError):
                path.unlink()
            continue
        with suppress(OSError):  # a cache that others keep for us to read
            os.utime(path)
        _LOG.info("took %d rows of %s from %s", len(rows), source.task, path)
        return rows
    return None


def _checked(path: Path, source: RowSource) -> RowTable:
    with path.open("rb") as file:
        if not path.stem.endswith(f"-{_sha256(file)}"):
            raise ValueError("the content is not what the name says")
    return _mapped(path, source)


def _make(folder: Path, key: str, source: RowSource) -> RowTable:
    started = time.monotonic()

    def write_and_name(file: BufferedRandom) -> str:
        source.write(file)
        if source.key() != key:
            raise OSError("the data changed while it was read")
        file.seek(0)
        return f"{key}-{_sha256(file)}{_SUFFIX}"

    _remove_unused(folder)
    path = stream_and_name(folder, write_and_name)
    rows = _mapped(path, source)
    seconds = time.monotonic() - started
    _LOG.info("made %d rows of %s in %.1f s: %s", len(rows), source.task, seconds, path)
    return rows


def _in_temporary_file(source: RowSource) -> RowTable:
    with tempfile.NamedTemporaryFile(prefix="softprompt-rows-") as file:
        source.write(file)
        file.flush()
        return _mapped(Path(file.name), source)  # the mapping outlives the file's name


def _in_memory(source: RowSource) -> RowTable:
    sink = pa.BufferOutputStream()
    source.write(sink)
    return RowTable(pa.BufferReader(sink.getvalue()), source.task, source.files)


def _mapped(path: Path, source: RowSource) -> RowTable:
    return RowTable(pa.memory_map(str(path)), source.task, source.files)


def _sha256(file: BufferedReader | BufferedRandom) -> str:
    return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_unused(folder: Path) -> None:
    """Rows unused for long, and what killed processes left. Who has mapped a file keeps it."""
    now = time.time()
    for pattern, age in ((f"*{_SUFFIX}", _UNUSED), (f".*{TEMPORARY_SUFFIX}", _LEFT_OVER)):
        for path in folder.glob(pattern):
            with suppress(OSError):
                if now - path.stat().st_mtime > age:
                    path.unlink()
