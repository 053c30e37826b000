"""The loss curve of a run, drawn with characters.

A column stands for a stretch of steps: the mean training loss over it, and the last validation loss
in it. A loss that falls to a tenth or less is drawn on a logarithmic scale: on a straight one the
first steps would press all others to the floor.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from softprompt_runtime.history import Entry


@dataclass(frozen=True, kw_only=True)
class Marks:
    """What the curve is drawn with."""

    loss: str
    val_loss: str
    corner: str
    side: str
    floor: str


_LOGARITHMIC_FROM = 10  # highest over lowest loss

UNICODE = Marks(loss="•", val_loss="◆", corner="└", side="│", floor="─")
ASCII = Marks(loss=".", val_loss="o", corner="+", side="|", floor="-")


def draw_loss_curve(
    history: Sequence[Entry], *, width: int = 60, height: int = 10, marks: Marks = UNICODE
) -> str | None:
    """Lines of text, without the last line's end; None if the history has no finite loss.

    width, height: columns and lines of the plot itself, without axes; at least 1 and 2.
    """
    last_step = max((int(entry["step"]) for entry in history), default=0)
    trained = _columns(history, "loss", last_step, width)
    validated = _columns(history, "val_loss", last_step, width)
    points = [
        *((at, sum(values) / len(values), marks.loss) for at, values in trained.items()),
        *((at, values[-1], marks.val_loss) for at, values in validated.items()),
    ]
    if not points:
        return None
    low, high = min(value for _, value, _ in points), max(value for _, value, _ in points)
    is_logarithmic = 0 < low * _LOGARITHMIC_FROM <= high
    scale = math.log if is_logarithmic else float
    grid = [[" "] * width for _ in range(height)]
    for at, value, mark in points:
        share = (scale(value) - scale(low)) / (scale(high) - scale(low)) if high > low else 0.5
        grid[round((1 - share) * (height - 1))][at] = mark
    plot = _framed(["".join(row) for row in grid], f"{high:.3g}", f"{low:.3g}", marks)
    names = f"{marks.loss} loss" + (f"  {marks.val_loss} val_loss" if validated else "")
    names += "  log scale" if is_logarithmic else ""
    steps = f"step {last_step}"
    return "\n".join([*plot, f"{names}{steps:>{max(len(plot[-1]) - len(names), len(steps) + 2)}}"])


def _columns(
    history: Sequence[Entry], name: str, last_step: int, width: int
) -> dict[int, list[float]]:
    """Finite losses by column, in order."""
    columns: dict[int, list[float]] = {}
    for entry in history:
        value = entry.get(name)
        if value is not None and math.isfinite(value):
            at = round(entry["step"] / max(last_step, 1) * (width - 1))
            columns.setdefault(at, []).append(float(value))
    return columns


def _framed(rows: Sequence[str], high: str, low: str, marks: Marks) -> list[str]:
    """The rows between an axis of losses, labelled at both ends, and an axis of steps."""
    labels = [high, *[""] * (len(rows) - 2), low]
    margin = max(len(high), len(low))
    labelled = zip(labels, rows, strict=True)
    body = [f"{label:>{margin}} {marks.side}{row}".rstrip() for label, row in labelled]
    return [*body, " " * (margin + 1) + marks.corner + marks.floor * len(rows[0])]
