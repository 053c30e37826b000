"""Waiting for other processes, with a failure that says who waited for whom."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.peers import is_shared, ranks_that_do_not_wait

# How gloo and NCCL say, in plain RuntimeErrors, that another process did not answer.
_IN_VAIN = "waited in vain for"
_TOO_LATE = ("timed out", "timeout")
_GONE = ("connection closed", "connection reset", "connection refused", "broken pipe", "remote")


@contextmanager
def waiting_for(others: Sequence[int], own: int) -> Generator[None]:
    """Within, process `own` exchanges something with the processes `others`.

    Raises RunFailure, with the ranks, where they do not answer in time or are gone.
    """
    try:
        yield
    except RuntimeError as error:
        fault = _fault(str(error).lower())
        if fault is None:
            raise
        if fault == _IN_VAIN and len(others) > 1 and is_shared():
            absent = ranks_that_do_not_wait()
            others = [rank for rank in others if rank in absent] or others
        names = ", ".join(map(str, others))
        whom = f"process {names}" if len(others) == 1 else f"processes {names}"
        raise RunFailure(
            f"Process {own} {fault} {whom}: {str(error).splitlines()[0]:.200}",
            "The other process's own error, or where it hangs, is the cause. If it is only slow, "
            "raise launch.timeout_seconds.",
        ) from error


def _fault(text: str) -> str | None:
    if any(word in text for word in _TOO_LATE):
        return _IN_VAIN
    if any(word in text for word in _GONE):
        return "has lost"
    return None
