"""Ending a run on a signal: the signal is only noted, and acted on at the next step boundary.

Saving inside a handler can meet a half-written state, and a second rank would not know of it.
"""

import signal
import threading
from types import FrameType
from typing import Any, Self, final


@final
class RunStopped(BaseException):
    """A signal ended the run; the same command goes on from its last checkpoint.

    No Exception, for the reason KeyboardInterrupt is none: nobody on the way up may swallow it.
    """

    def __init__(self, signal_number: int, message: str) -> None:
        super().__init__(message)
        self.signal_number = signal_number
        self.message = message

    @property
    def exit_code(self) -> int:
        """The shell's code for an end by this signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signal_number


@final
class StopSignals:
    """Notes SIGINT, SIGTERM, SIGHUP and SIGUSR1 while the `with` block runs.

    Afterwards the handlers are those from before. A SIGHUP that is ignored (nohup) stays ignored.

    A second SIGINT raises RunStopped at once, for who cannot wait for the end of a step.
    Outside the main thread Python allows no handlers; nothing is noted there.
    """

    _NAMES = (
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGUSR1",
    )  # USR1: what SLURM sends ahead of the time limit

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            numbers = [number for name in self._NAMES if (number := getattr(signal, name, None))]
            before = {number: signal.getsignal(number) for number in numbers}
            hangup = getattr(signal, "SIGHUP", None)
            if before.get(hangup) is signal.SIG_IGN:
                del before[hangup]
            self._before = before
        self.take_over()
        return self

    def take_over(self) -> None:
        """Note the signals again, after somebody inside the block has set handlers of its own."""
        for number in self._before:
            signal.signal(number, self._note)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: FrameType | None) -> None:
        if number == signal.SIGINT and self.received == signal.SIGINT:
            message = "a second Ctrl-C came; what follows the last checkpoint is not saved"
            raise RunStopped(number, message)
        self.received = number
