"""A bug of softprompt, told without a traceback on the screen."""

import os
import platform
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence

from softprompt_compiler import __version__
from softprompt_compiler.catalogue import bug as rules
from softprompt_compiler.render.display import safe

_LONGEST = 200  # characters of the exception that are shown


def report_bug(error: Exception, arguments: Sequence[str]) -> None:
    """Keep the traceback in a file, and print what a report of the bug needs."""
    what = safe(traceback.format_exception_only(error)[-1].strip())[:_LONGEST]
    head = f"error[{rules.INTERNAL_ERROR.code}]: " + rules.INTERNAL_ERROR.message.format(error=what)
    command = safe(shlex.join(["spec", *arguments]))
    versions = f"softprompt {__version__}, Python {platform.python_version()}, {sys.platform}"
    lines = [
        head,
        f"  = note: {command}",
        f"  = note: {versions}",
        f"  = note: the traceback is in {_keep_traceback(error, command, versions)}",
        "  = help: report it, with that file and the spec",
    ]
    sys.stderr.write("\n".join(lines) + "\n")


def _keep_traceback(error: Exception, command: str, versions: str) -> str:
    text = f"{command}\n{versions}\n\n" + "".join(traceback.format_exception(error))
    try:
        handle, path = tempfile.mkstemp(prefix="softprompt-bug-", suffix=".log")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as failure:
        return f"no file, since none could be written ({failure.strerror})"
    return path
