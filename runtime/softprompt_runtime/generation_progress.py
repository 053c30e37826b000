"""How far generation is, on stderr: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

_SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def showing_generation(
    label: str, num_rows: int, *, speaks: bool = True
) -> Generator[Callable[[int], None]]:
    """Within, what it yields is called with the number of rows just finished.

    speaks: False where another process shows the progress.
    """
    if not speaks:
        yield _ignore
        return
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        with _bar(console) as progress:
            bar = progress.add_task(label, total=num_rows)
            yield lambda rows: progress.advance(bar, rows)
    else:
        yield _line_writer(console, label, num_rows)


def _ignore(_: int) -> None:
    """Another process counts."""


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("rows, left"),
        TimeRemainingColumn(),
        console=console,
    )


def _line_writer(console: Console, label: str, num_rows: int) -> Callable[[int], None]:
    """A line at the end, and one every few seconds before it."""
    done, last_line = 0, time.monotonic()

    def write(rows: int) -> None:
        nonlocal done, last_line
        done += rows
        now = time.monotonic()
        if rows and (done == num_rows or now - last_line >= _SECONDS_BETWEEN_LINES):
            last_line = now
            console.print(f"{label}: {done}/{num_rows} rows", markup=False, soft_wrap=True)

    return write
