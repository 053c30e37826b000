"""What a user sees when a run has been evaluated: the gain, the loss curve, and where all is."""

from collections.abc import Iterator
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from softprompt_runtime.history import read_history
from softprompt_runtime.loss_curve import ASCII, UNICODE, draw_loss_curve
from softprompt_runtime.predictions import JSON_FILE, TEXT_FILE
from softprompt_runtime.run import Run
from softprompt_runtime.scores import SCORES_FILE, Estimate, Scores, TaskScores

HISTORY_FILE = "history.jsonl"
_LARGEST_PLOT = 60  # columns


def print_report(run: Run, scores: Scores) -> None:
    """Print each task's metrics, untuned beside tuned, the loss curve, and the files of the run.

    The main process prints; the others do nothing.

    To stdout: with colours and lines on a terminal, as plain text elsewhere or with NO_COLOR.
    """
    if not run.mesh.is_main:
        return
    console = Console(highlight=False, emoji=False, markup=False)
    for task in scores.tasks:
        _print_task(console, task)
    _print_curve(console, run)
    _print_files(console, run)


def _print_task(console: Console, task: TaskScores) -> None:
    console.print()
    console.print(Text(f"{task.name}: {_rows(task)}", style="bold"), soft_wrap=True)
    if task.metrics:
        console.print(_table(console, task))
    for note in task.notes:
        console.print(note, soft_wrap=True)


def _rows(task: TaskScores) -> str:
    rows = "1 test row" if task.rows == 1 else f"{task.rows} test rows"
    return rows + (f", {task.not_run} of them could not be run" if task.not_run else "")


def _table(console: Console, task: TaskScores) -> Table:
    # A pipe or a log gets a table that can be pasted anywhere.
    table = Table(box=box.SIMPLE_HEAD if console.is_terminal else box.MARKDOWN)
    table.add_column("metric, %", no_wrap=True)
    compared = any(metric.untuned for metric in task.metrics)
    for name in ("untuned", "tuned", "gain") if compared else ("tuned",):
        table.add_column(name, justify="right", no_wrap=True)
    for metric in task.metrics:
        cells = [_cell(metric.untuned), _cell(metric.tuned), _cell(metric.gain, sign="+")]
        table.add_row(Text(metric.name), *(cells if compared else cells[1:2]))
    return table


def _cell(estimate: Estimate | None, sign: str = "") -> Text:
    """`43.0 [33, 53]`; a gain in green or red where its interval leaves out 0."""
    if estimate is None:
        return Text("-")
    figures = f"{estimate.value:{sign}.1f} [{estimate.low:{sign}.0f}, {estimate.high:{sign}.0f}]"
    if not sign:
        return Text(figures)
    return Text(figures, style="green" if estimate.low > 0 else "red" if estimate.high < 0 else "")


def _print_curve(console: Console, run: Run) -> None:
    history = read_history(run.folder / HISTORY_FILE)
    marks = ASCII if console.options.ascii_only else UNICODE
    width = max(20, min(_LARGEST_PLOT, console.width - 12))
    curve = draw_loss_curve(history, width=width, marks=marks)
    console.print()
    console.print(Text("loss by step", style="bold"))
    console.print(curve or "No losses are recorded in this run's folder.", soft_wrap=True)


def _print_files(console: Console, run: Run) -> None:
    console.print()
    console.print(Text("files", style="bold"))
    for what, path in _files(run):
        console.print(f"  {what:<14} {_near(path)}", soft_wrap=True)
    console.print("Intervals in brackets: 95 %, from resampled test rows.", style="dim")


def _files(run: Run) -> Iterator[tuple[str, Path]]:
    """What the run has written, as far as it is there."""
    for what, path in (
        ("soft prompt", run.soft_prompt_folder),
        ("predictions", run.folder / JSON_FILE),
        ("as plain text", run.folder / TEXT_FILE),
        ("metrics", run.folder / SCORES_FILE),
        ("losses", run.folder / HISTORY_FILE),
        ("checkpoints", run.checkpoints_folder),
        ("logs", run.logs_folder),
        ("plan", run.plan_file),
    ):
        if path.exists():
            yield what, path


def _near(path: Path) -> str:
    """Relative to the working folder where the path is below it."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
