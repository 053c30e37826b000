"""Rows that cost nothing to make, for tests of their cache, in this process and in others."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from softprompt_plan.example import Example, loss_mask_of
from softprompt_runtime.cache_folder import CACHE_VARIABLE
from softprompt_runtime.row_cache import RowSource, open_rows
from softprompt_runtime.row_columns import StoredRow, write_rows
from softprompt_runtime.row_table import RowTable

FILES = (Path("a.jsonl"), Path("b.jsonl"))
KEY = "0123456789abcdef" * 4


def simple_rows(count: int, length: int = 5) -> Iterator[StoredRow]:
    """Rows that differ."""
    for number in range(count):
        ids = (-1, *((number + at) % 1000 for at in range(length - 1)))
        item = Example(
            task="mood", input_ids=ids, answer_start=2, loss_mask=loss_mask_of(ids, 2), cut=()
        )
        yield StoredRow(item=item, file=0, line=number + 1, number=number, references=())


class CountedSource:
    """A source of simple rows that knows how often it has made them."""

    def __init__(self, count: int = 3, *, keys: tuple[str | None, ...] = (KEY,)) -> None:
        self.times_made = 0
        self._count = count
        self._keys = keys
        self._times_asked = 0

    def open(self) -> RowTable:
        """The rows, from the cache or made."""
        return open_rows(RowSource(task="mood", files=FILES, key=self._key, write=self.write))

    def write(self, sink: Any) -> None:
        """Make the rows."""
        self.times_made += 1
        write_rows(sink, simple_rows(self._count), keep_unfit=False)

    def _key(self) -> str | None:
        self._times_asked += 1
        return self._keys[min(self._times_asked, len(self._keys)) - 1]


def open_often(cache: Path, times: int) -> None:
    """Open the rows again and again, and read some: for a process that others run beside."""
    os.environ[CACHE_VARIABLE] = str(cache)
    expected = [row.item for row in simple_rows(2000)]
    for _ in range(times):
        table = CountedSource(2000).open()
        assert [table.item(at) for at in range(2000)] == expected


def die_while_writing(cache: Path) -> None:
    """End this process as a kill would, in the middle of a file."""

    def write(sink: Any) -> None:
        sink.write(b"ARROW1")
        sink.flush()
        os._exit(9)

    os.environ[CACHE_VARIABLE] = str(cache)
    open_rows(RowSource(task="mood", files=FILES, key=lambda: KEY, write=write))
