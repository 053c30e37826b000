"""What a user sees while training runs: a live bar on a terminal, plain lines elsewhere."""

import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass
from typing import final

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

_SECONDS_BETWEEN_LINES = 5.0
_NUM_RECENT = 50  # steps that rows/s is measured over


@final
@dataclass(frozen=True, kw_only=True)
class StepReport:
    """One optimizer step. seconds: without validation. step: steps done, of total_steps."""

    step: int
    total_steps: int
    loss: float
    num_rows: int
    seconds: float


@final
class Pace:
    """How fast training goes, and how long it will take."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, float]] = deque(maxlen=_NUM_RECENT)
        self._started = time.monotonic()
        self._num_steps = 0
        self._steps_left = 0

    def add(self, report: StepReport) -> None:
        """Take in one step."""
        self._recent.append((report.num_rows, report.seconds))
        self._num_steps += 1
        self._steps_left = report.total_steps - report.step

    @property
    def rows_per_second(self) -> float:
        """Over the last steps, validation left out."""
        seconds = sum(seconds for _, seconds in self._recent)
        return sum(rows for rows, _ in self._recent) / max(seconds, 1e-9)

    @property
    def seconds_left(self) -> float:
        """At the pace since the start, validation and checkpoints included."""
        elapsed = time.monotonic() - self._started
        return self._steps_left * elapsed / max(1, self._num_steps)


class ProgressDisplay(ABC):
    """Shows a training on stderr."""

    @abstractmethod
    def step_done(self, report: StepReport) -> None:
        """Show an optimizer step."""

    @abstractmethod
    def validation_started(self, num_batches: int) -> None:
        """Say that a validation runs."""

    @abstractmethod
    def validation_batch_done(self) -> None:
        """Show a part of a validation."""

    @abstractmethod
    def validation_done(self, step: int, loss: float, best_loss: float) -> None:
        """Show a validation's result."""

    @abstractmethod
    def say(self, text: str) -> None:
        """Print one line for the user."""

    @abstractmethod
    def close(self) -> None:
        """Leave the last state on the screen. May be called twice."""


def create_progress(*, speaks: bool = True) -> ProgressDisplay:
    """A bar if stderr is a terminal, else lines; nothing where another process speaks."""
    if not speaks:
        return NoDisplay()
    console = Console(stderr=True, highlight=False)
    return BarDisplay(console) if console.is_terminal else LineDisplay(console)


def describe_duration(seconds: float) -> str:
    """1:02:03, 2:03 or 0:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@final
class NoDisplay(ProgressDisplay):
    """Of a process that is not the main one: the run speaks with one voice."""

    def step_done(self, report: StepReport) -> None:
        """Say nothing."""

    def validation_started(self, num_batches: int) -> None:
        """Say nothing."""

    def validation_batch_done(self) -> None:
        """Say nothing."""

    def validation_done(self, step: int, loss: float, best_loss: float) -> None:
        """Say nothing."""

    def say(self, text: str) -> None:
        """Say nothing."""

    def close(self) -> None:
        """Nothing is open."""


@final
class LineDisplay(ProgressDisplay):
    """A line every few seconds, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._pace = Pace()
        self._last_line = 0.0

    def step_done(self, report: StepReport) -> None:
        """Print the first step, the last one, and one every few seconds."""
        self._pace.add(report)
        now = time.monotonic()
        is_last = report.step == report.total_steps
        if is_last or now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self.say(
                f"step {report.step}/{report.total_steps}  loss {report.loss:.4f}  "
                f"{self._pace.rows_per_second:.1f} rows/s  "
                f"{describe_duration(self._pace.seconds_left)} left"
            )

    def validation_started(self, num_batches: int) -> None:
        """Nothing: the result says it all."""

    def validation_batch_done(self) -> None:
        """Nothing: the result says it all."""

    def validation_done(self, step: int, loss: float, best_loss: float) -> None:
        """Print the loss."""
        self.say(f"step {step}  val_loss {loss:.4f}  best {best_loss:.4f}")

    def say(self, text: str) -> None:
        """Print the line, whole, however narrow the console thinks it is."""
        self._console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Nothing is open."""


@final
class BarDisplay(ProgressDisplay):
    """A live bar with the losses, rows a second and the time left."""

    def __init__(self, console: Console) -> None:
        self._pace = Pace()
        self._validation = ""
        self._progress = Progress(
            TextColumn("{task.description}", table_column=Column(no_wrap=True)),
            BarColumn(bar_width=24),
            _Status(),
            console=console,
        )
        self._training = self._progress.add_task("training", total=None, status="")
        self._validating = self._progress.add_task("validating", visible=False, status="")
        self._progress.start()

    def step_done(self, report: StepReport) -> None:
        """Move the bar."""
        self._pace.add(report)
        status = (
            f"{report.step}/{report.total_steps}  loss {report.loss:.4f}{self._validation}  "
            f"{self._pace.rows_per_second:.1f} rows/s  "
            f"{describe_duration(self._pace.seconds_left)} left"
        )
        self._progress.update(
            self._training, completed=report.step, total=report.total_steps, status=status
        )

    def validation_started(self, num_batches: int) -> None:
        """Show a second bar."""
        self._progress.reset(self._validating, total=num_batches, visible=True)

    def validation_batch_done(self) -> None:
        """Move the second bar."""
        self._progress.advance(self._validating)

    def validation_done(self, step: int, loss: float, best_loss: float) -> None:
        """Hide the second bar and keep the loss beside the first."""
        self._validation = f"  val_loss {loss:.4f} (best {best_loss:.4f})"
        self._progress.update(self._validating, visible=False)

    def say(self, text: str) -> None:
        """Print the line above the bars."""
        self._progress.console.print(text, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Stop the live display."""
        self._progress.stop()


@final
class _Status(ProgressColumn):
    """The text beside a bar, never read as markup: task names may hold brackets."""

    def render(self, task: Task) -> Text:
        return Text(str(task.fields["status"]), no_wrap=True, overflow="ellipsis")
