"""Files that are either whole or not there, also after a power cut."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from io import BufferedRandom
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path`, making its folder if need be. Readers see the old file or the new one.

    Raises OSError where the file system refuses.
    """
    stream_atomically(path, lambda file: file.write(data))


def stream_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """As `write_atomically`, for a writer that takes an open file (`torch.save`)."""

    def write_and_name(file: BinaryIO) -> str:
        write(file)
        return path.name

    stream_and_name(path.parent, write_and_name, temporary_prefix=f".{path.name}.")


def stream_and_name(
    folder: Path, write: Callable[[BufferedRandom], str], *, temporary_prefix: str = "."
) -> Path:
    """As `stream_atomically`, for a file that gets the name that `write` gives back; its path.

    The file is open for reading too. What a killed process leaves begins with the prefix and ends
    in `.tmp`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=temporary_prefix, suffix=TEMPORARY_SUFFIX, dir=folder)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            path = folder / write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would hide results from a colleague
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(folder)
    return path


def _umask() -> int:
    """This process's umask. POSIX can only read it by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable. Where a folder cannot be opened (Windows), nothing to do."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
