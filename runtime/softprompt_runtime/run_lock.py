"""One training at a time in a run's folder."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.file_lock import file_lock

_NAME = ".training.lock"


@contextmanager
def sole_training(folder: Path) -> Generator[None]:
    """Hold the folder for this training.

    Two trainings would mix up their histories and delete each other's checkpoints. Raises
    RunFailure if another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            stack.enter_context(file_lock(folder / _NAME, wait=False))
        except BlockingIOError:
            raise RunFailure(
                f"Another process is training in {folder}",
                "Wait until it has ended, or give this run another name.",
            ) from None
        yield
