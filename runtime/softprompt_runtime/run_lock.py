"""One training at a time in a run's folder."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from softprompt_runtime.failure import RunFailure

_NAME = ".training.lock"


@contextmanager
def sole_training(folder: Path) -> Generator[None]:
    """Hold the folder for this training; the lock ends with the process, however it ends.

    Two trainings would mix up their histories and delete each other's checkpoints. Where files
    cannot be locked, nothing is held. Raises RunFailure if another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _NAME).open("a") as file:
        try:
            with suppress(ImportError):
                import fcntl

                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunFailure(
                f"Another process is training in {folder}",
                "Wait until it has ended, or give this run another name.",
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
