"""The one exception for what is the machine's or the user's doing, as opposed to a bug of ours."""

from typing import final


@final
class RunFailure(Exception):  # noqa: N818 - what failed is the run; the program did its work
    """A run cannot go on, and its user can cure it.

    message: one present-tense sentence that states the fault, without a final full stop.
    help: what to do about it; None where nothing better than the message can be said.
    exit_code: what the process ends with.
    `run_script` prints both without a traceback.
    """

    def __init__(self, message: str, help: str | None = None, *, exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.exit_code = exit_code


def first_line(error: BaseException) -> str:
    """The first line of what an exception says; the name of its type where it says nothing."""
    lines = (line.strip() for line in str(error).splitlines())
    return next(filter(None, lines), type(error).__name__)
