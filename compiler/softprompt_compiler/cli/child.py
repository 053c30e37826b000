"""A child process whose signals and exit code are ours."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from types import FrameType

_FORWARDED = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGCONT")


def run_child(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run `command` to its end and give its exit code; 128 + N if signal N ended it.

    The child leads a process group of its own, and every signal that ends or pauses us goes to all
    of that group, once: a launch script's bash would else die and leave its Python running. A
    Ctrl-C at the terminal reaches only us, who pass it on. Raises OSError if it cannot be started.
    """
    child = subprocess.Popen(  # noqa: S603 the command is ours; no shell reads it
        command, env=dict(environment), stdin=subprocess.DEVNULL, process_group=0
    )

    def forward(number: int, _frame: FrameType | None) -> None:
        _signal_group(child.pid, number)

    def pause(number: int, _frame: FrameType | None) -> None:
        _signal_group(child.pid, number)
        os.kill(os.getpid(), signal.SIGSTOP)

    previous = {name: signal.signal(getattr(signal, name), forward) for name in _FORWARDED}
    previous["SIGTSTP"] = signal.signal(signal.SIGTSTP, pause)
    try:
        code = child.wait()
    finally:
        for name, handler in previous.items():
            signal.signal(getattr(signal, name), handler)
    return 128 - code if code < 0 else code


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return  # it has ended; wait() is about to say so
