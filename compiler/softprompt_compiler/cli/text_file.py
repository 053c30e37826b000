"""Reading a file that a command was given, whatever it turns out to be."""

import os
import stat
from pathlib import Path

from softprompt_compiler.cli.failure import CommandFailure

MOST_BYTES = 16 * 2**20


def read_text_file(path: Path, *, exit_code: int = 1) -> str:
    """The text of a file of at most MOST_BYTES. Raises CommandFailure for anything else."""
    try:
        with open(path, "rb", opener=open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise CommandFailure(f"{path} is no file", exit_code=exit_code)
            data = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or str(error)
        raise CommandFailure(f"{path} cannot be read: {reason}", exit_code=exit_code) from None
    if len(data) > MOST_BYTES:
        raise CommandFailure(f"{path} is larger than {MOST_BYTES:,} bytes", exit_code=exit_code)
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise CommandFailure(f"{path} is not UTF-8", exit_code=exit_code) from None


def open_at_once(name: str, flags: int) -> int:
    """An `opener` that a named pipe, which nobody writes to, does not block for good."""
    return os.open(name, flags | getattr(os, "O_NONBLOCK", 0))
