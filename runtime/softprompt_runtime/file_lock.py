"""A file that marks a piece of work as being done."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def file_lock(path: Path, *, wait: bool) -> Generator[None]:
    """Hold the file for this work; the lock ends with the process, however it ends.

    wait: until nobody else holds it; else raises BlockingIOError at once. Where files cannot be
    locked, nothing is held. Raises OSError if the file cannot be made.
    """
    with path.open("a") as file:
        try:
            with suppress(ImportError):
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:  # a file system without locks
            pass
        yield
