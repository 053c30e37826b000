import errno
import hashlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from softprompt_runtime import row_cache
from softprompt_runtime.row_cache import RowSource, open_rows
from softprompt_runtime.row_columns import write_rows
from softprompt_runtime.row_table import RowTable
from tests.runtime import row_sources
from tests.runtime.row_sources import FILES, KEY, CountedSource, simple_rows

DAY = 24 * 3600
_PATIENCE_SECONDS = 300  # for a busy machine


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "rows").iterdir())


def items_of(table: RowTable) -> list[Any]:
    return [table.item(at) for at in range(len(table))]


EXPECTED = [row.item for row in simple_rows(3)]


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_rows_are_made_once_and_then_taken_from_the_cache(cache: Path) -> None:
    source = CountedSource()

    first, second = source.open(), source.open()

    assert source.times_made == 1
    assert items_of(first) == items_of(second) == EXPECTED
    (entry,) = entries(cache)
    assert entry.name == f"{KEY}-{hashlib.sha256(entry.read_bytes()).hexdigest()}.arrow"


def test_another_key_is_another_file(cache: Path) -> None:
    CountedSource().open()
    other = CountedSource(keys=("f" * 64,))

    other.open()

    assert other.times_made == 1
    assert len(entries(cache)) == 2


def test_rows_are_mapped_not_read(cache: Path) -> None:
    CountedSource().open()
    table = CountedSource().open()

    (entry,) = entries(cache)
    assert str(entry) in Path("/proc/self/maps").read_text()
    assert len(table) == 3


def test_no_key_caches_nothing(cache: Path) -> None:
    source = CountedSource(keys=(None,))

    assert items_of(source.open()) == EXPECTED
    assert items_of(source.open()) == EXPECTED
    assert source.times_made == 2
    assert not cache.exists()


def test_data_that_changes_while_it_is_read_is_not_cached(cache: Path) -> None:
    source = CountedSource(keys=(KEY, "f" * 64))

    assert items_of(source.open()) == EXPECTED
    assert entries(cache) == []


def truncated(part: float) -> Callable[[bytes], bytes]:
    return lambda content: content[: int(len(content) * part)]


def flipped(part: float) -> Callable[[bytes], bytes]:
    def flip(content: bytes) -> bytes:
        at = int((len(content) - 1) * part)
        return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1 :]

    return flip


def longer(content: bytes) -> bytes:
    return content + b"\0"


@pytest.mark.parametrize(
    "damage",
    [
        *map(truncated, (0.0, 0.001, 0.3, 0.9, 0.999)),
        *map(flipped, (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99, 1.0)),
        longer,
    ],
)
def test_a_damaged_file_is_made_anew(cache: Path, damage: Callable[[bytes], bytes]) -> None:
    CountedSource().open()
    (entry,) = entries(cache)
    whole = entry.read_bytes()
    entry.write_bytes(damage(whole))
    source = CountedSource()

    assert items_of(source.open()) == EXPECTED
    assert source.times_made == 1
    assert entries(cache) == [entry]
    assert entry.read_bytes() == whole


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0", b"ARROW1\0\0" + b"\xff" * 40 + b"ARROW1"])
def test_a_file_that_holds_no_rows_is_made_anew_whatever_its_name(
    cache: Path, content: bytes
) -> None:
    (cache / "rows").mkdir(parents=True)
    stranger = cache / "rows" / f"{KEY}-{hashlib.sha256(content).hexdigest()}.arrow"
    stranger.write_bytes(content)

    assert items_of(CountedSource().open()) == EXPECTED
    assert len(entries(cache)) == 1
    assert not stranger.exists()


def test_a_file_that_the_system_does_not_open_is_kept(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CountedSource().open()

    def refuse(path: Path, source: RowSource) -> RowTable:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    (entry,) = entries(cache)
    source = CountedSource()
    monkeypatch.setattr(row_cache, "_checked", refuse)

    assert items_of(source.open()) == EXPECTED
    assert source.times_made == 1
    assert entries(cache) == [entry]


def failing_after(rows: int, error: Exception) -> Callable[[Any], None]:
    """Rows of which the last is never made."""

    def write(sink: Any) -> None:
        def broken() -> Any:
            yield from simple_rows(rows)
            raise error

        write_rows(sink, broken(), keep_unfit=False)

    return write


def test_a_failure_of_the_data_goes_through_and_leaves_nothing(cache: Path) -> None:
    write = failing_after(600, KeyError("faulty rows"))
    source = RowSource(task="mood", files=FILES, key=lambda: KEY, write=write)

    with pytest.raises(KeyError, match="faulty rows"):
        open_rows(source)
    assert entries(cache) == []


def test_a_cache_that_cannot_be_written_fails_no_run(cache: Path) -> None:
    cache.write_text("not a folder")

    assert items_of(CountedSource().open()) == EXPECTED


def test_a_full_disk_fails_no_run(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", no_room)

    assert items_of(CountedSource().open()) == EXPECTED
    assert entries(cache) == []


def test_with_no_disk_at_all_rows_are_held_in_memory(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write_text("not a folder")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    source = CountedSource()

    assert items_of(source.open()) == EXPECTED
    assert source.times_made == 1


def test_a_temporary_file_is_gone_once_it_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    table = CountedSource(keys=(None,)).open()

    assert list((tmp_path / "temporary").iterdir()) == []
    assert items_of(table) == EXPECTED


def test_a_user_without_a_home_folder_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)

    assert items_of(CountedSource().open()) == EXPECTED


def test_only_rows_unused_for_long_are_removed(cache: Path) -> None:
    CountedSource(keys=("a" * 64,)).open()
    (old,) = entries(cache)
    CountedSource(keys=("b" * 64,)).open()
    (recent,) = set(entries(cache)) - {old}
    age(old, 31 * DAY)
    age(recent, 29 * DAY)

    CountedSource().open()

    assert not old.exists()
    assert recent.exists()


def test_use_keeps_rows_from_being_removed(cache: Path) -> None:
    CountedSource().open()
    (entry,) = entries(cache)
    age(entry, 31 * DAY)

    CountedSource().open()
    CountedSource(keys=("b" * 64,)).open()

    assert entry.exists()


def test_rows_that_are_removed_while_in_use_stay_readable(cache: Path) -> None:
    table = CountedSource().open()
    (entry,) = entries(cache)

    entry.unlink()

    assert items_of(table) == EXPECTED


def start(target: Callable[..., None], *args: Any) -> BaseProcess:
    """A fresh process; the server it is forked from has done the slow imports once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([row_sources.__name__])
    process = context.Process(target=target, args=args)
    process.start()
    return process


def test_what_a_killed_process_left_harms_nothing_and_goes_after_a_day(cache: Path) -> None:
    process = start(row_sources.die_while_writing, cache)
    process.join(_PATIENCE_SECONDS)
    assert process.exitcode == 9
    (left,) = entries(cache)

    assert items_of(CountedSource().open()) == EXPECTED
    assert left.exists()  # it may be another process's, at work

    age(left, 2 * DAY)
    CountedSource(keys=("b" * 64,)).open()
    assert not left.exists()


def test_many_processes_may_make_and_lose_the_same_rows_at_once(cache: Path) -> None:
    processes = [start(row_sources.open_often, cache, 10) for _ in range(3)]

    while any(process.is_alive() for process in processes):
        for path in (cache / "rows").glob("*.arrow"):
            path.unlink(missing_ok=True)
        time.sleep(0.01)

    assert [process.exitcode for process in processes] == [0] * 3
    leftovers = [path for path in entries(cache) if path.suffix != ".arrow"]
    assert leftovers == []


def test_the_digest_in_the_name_is_checked_before_the_file_is_parsed(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    CountedSource().open()
    (entry,) = entries(cache)
    entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    opened: list[Path] = []
    mapped = row_cache._mapped  # pyright: ignore[reportPrivateUsage]

    def watched(path: Path, source: RowSource) -> RowTable:
        opened.append(path)
        return mapped(path, source)

    monkeypatch.setattr(row_cache, "_mapped", watched)
    CountedSource().open()

    assert len(opened) == 1  # the file that was made anew
