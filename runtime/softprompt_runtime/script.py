"""How an emitted script ends: with a result, or with a message a user can act on."""

import errno
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.mesh import leave_mesh
from softprompt_runtime.parallel.peers import is_shared, own_rank
from softprompt_runtime.run import RUNS_VARIABLE, opened_folder, runs_folder
from softprompt_runtime.stopping import RunStopped

# What a disk answers that is full, over the user's quota, or mounted for reading only.
_DISK_REFUSES = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}

_BUG = """\
This is a bug in softprompt, not in your spec or data: {summary}
  = help: the full report is in {log}; please send it with the spec.
"""


def run_script(main: Callable[[], None]) -> None:
    """Run `main` and end the process unless it returns.

    RunFailure prints its message and help and exits with 1, and so does a full disk. Ctrl-C exits
    with 130, a run stopped by another signal after saving with 128 + its number. Anything else is
    our bug: its traceback goes to error.log in the run's folder, a short text to stderr, and the
    exit code is 2. A process among several ends at once, so that what has started it ends the
    others, and says its rank; where it is the other one that failed, it says so.
    """
    code = _exit_code(main)
    if code:
        _flush()
        if is_shared():
            os._exit(code)  # the end of a process group would wait for who does not come
        sys.exit(code)
    leave_mesh()


def _exit_code(main: Callable[[], None]) -> int:
    try:
        main()
    except RunFailure as failure:
        return _say_failure(failure)
    except RunStopped as stop:
        if own_rank() == 0:
            _say(f"stopped: {stop.message}")
        return stop.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # Who read our output has gone (`| head`). Python would complain again while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _DISK_REFUSES:
            return _say_disk_refuses(error)
        _report_bug(error)
        return 2
    return 0


def _say_failure(failure: RunFailure) -> int:
    _tell_launcher(failure)
    says_itself = failure.message.startswith(f"Process {own_rank()} ")
    _say(f"error: {'' if says_itself else _of_rank()}{failure.message}")
    if failure.help is not None:
        _say(f"  = help: {failure.help}")
    return failure.exit_code


def _of_rank() -> str:
    """Who speaks, where several do."""
    return f"process {own_rank()}: " if is_shared() else ""


def _tell_launcher(error: Exception) -> None:
    """torchrun shows the first failure's message in its own summary, if it is left in a file."""
    if os.environ.get("TORCHELASTIC_ERROR_FILE"):
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        with suppress(OSError):
            get_error_handler().record_exception(error)


def _say_disk_refuses(error: OSError) -> int:
    """Most writers name their file themselves; loggers of other libraries do not."""
    folder = opened_folder.get() or runs_folder()
    _say(f"error: {error.filename or folder} cannot be written: {error.strerror}")
    _say(f"  = help: Make room, or set {RUNS_VARIABLE} to a folder that can be written.")
    return 1


def _report_bug(error: Exception) -> None:
    report = "".join(traceback.format_exception(error))
    name = f"error-rank-{own_rank()}.log" if is_shared() else "error.log"
    log = (opened_folder.get() or runs_folder()) / name
    summary = f"{_of_rank()}{type(error).__name__}: {error}"
    _tell_launcher(error)
    if is_shared():  # its machine may be far away, and its log with it
        _say(report.rstrip("\n"))
    try:
        write_atomically(log, report.encode("utf-8", "backslashreplace"))
    except OSError:
        _say(report)
        log = Path("the lines above")
    _say(_BUG.format(summary=summary, log=log).rstrip("\n"))


def _say(text: str) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    shown = "".join(char if char.isprintable() or char in "\n\t" else _code(char) for char in text)
    shown = shown.encode(encoding, "backslashreplace").decode(encoding)  # a report must not fail
    print(shown, file=sys.stderr)  # noqa: T201 - stderr is this function's purpose


def _code(char: str) -> str:
    """An unprintable character as an escape: names in data must not command the terminal."""
    return char.encode("unicode_escape").decode()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            continue
