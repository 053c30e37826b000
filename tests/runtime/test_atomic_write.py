import os
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

import pytest

from softprompt_runtime.atomic_write import stream_and_name, stream_atomically, write_atomically


def test_a_file_is_replaced_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b.txt"

    write_atomically(path, b"one")
    write_atomically(path, b"two")

    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["b.txt"]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    write_atomically(path, b"old")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream_atomically(path, fail)

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["b.txt"]


def test_a_file_may_get_its_name_from_what_was_written(tmp_path: Path) -> None:
    def write(file: BufferedRandom) -> str:
        file.write(b"abc")
        file.seek(0)
        return file.read().decode()

    path = stream_and_name(tmp_path / "a", write)

    assert path == tmp_path / "a" / "abc"
    assert path.read_bytes() == b"abc"
    assert os.listdir(path.parent) == ["abc"]


def test_files_are_as_readable_as_the_umask_says(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_atomically(tmp_path / "b.txt", b"")
    finally:
        os.umask(before)

    assert (tmp_path / "b.txt").stat().st_mode & 0o777 == 0o640


def test_a_name_that_is_a_folder_is_the_disks_refusal(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "c").touch()

    with pytest.raises(OSError, match="b"):
        write_atomically(tmp_path / "b", b"")
