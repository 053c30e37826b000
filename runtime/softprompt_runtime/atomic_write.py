"""Files that are either whole or not there, also after a power cut."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` at `path`, making its folder if need be. Readers see the old file or the new one.

    Raises OSError where the file system refuses.
    """
    stream_atomically(path, lambda file: file.write(data))


def stream_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """As `write_atomically`, for a writer that takes an open file (`torch.save`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would hide results from a colleague
        temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    _sync_folder(path.parent)


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
