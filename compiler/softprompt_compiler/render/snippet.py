"""The lines of source under a diagnostic, cropped and underlined."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from softprompt_compiler.diagnostic import Label
from softprompt_compiler.render.display import Cell, cell
from softprompt_compiler.secrets import masked
from softprompt_compiler.source import SourceFile

_ELLIPSIS = "..."
_MIN_WIDTH = 20
_LEFT_CONTEXT = 0.4  # share of a cropped line that lies in front of the label


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A label to be drawn."""

    label: Label
    primary: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A source line (with a number), an underline (with a mark), or a gap (with neither).

    text: the line, or the space in front of the underline.
    """

    number: int | None = None
    text: str = ""
    mark: Mark | None = None
    underline: str = ""


def rows(marks: list[Mark], width: int) -> Iterator[Row]:
    """The rows of marks in one source, top to bottom. width: terminal columns of a line."""
    width = max(width, _MIN_WIDTH)
    source = marks[0].label.span.source
    by_line: dict[int, list[Mark]] = {}
    for mark in sorted(marks, key=lambda each: each.label.span.start):
        by_line.setdefault(mark.label.span.line, []).append(mark)
    numbers = sorted(by_line)
    for number, following in pairwise([*numbers, numbers[-1]]):
        yield from _marked_line(source, number, by_line[number], width)
        if following == number + 2:
            yield _plain_line(source, number + 1, width)
        elif following > number + 2:
            yield Row()


def _plain_line(source: SourceFile, number: int, width: int) -> Row:
    line = masked(source.line(number))
    window = _window(line, 0, 0, width)
    return Row(number=number, text=window.text)


def _marked_line(source: SourceFile, number: int, marks: list[Mark], width: int) -> Iterator[Row]:
    line = masked(source.line(number))
    for group in _groups(line, marks, width):
        columns = [_columns(mark, line) for mark in group]
        first, last = min(start for start, _ in columns), max(end for _, end in columns)
        window = _window(line, first, last, width)
        yield Row(number=number, text=window.text)
        for mark, (start, end) in zip(group, columns, strict=True):
            left, right = window.column(start), window.column(end)
            sign = "^" if mark.primary else "-"
            yield Row(text=" " * left, mark=mark, underline=sign * max(right - left, 1))


def _groups(line: str, marks: list[Mark], width: int) -> Iterator[list[Mark]]:
    """Marks that can be seen together; one that is too far away gets the line to itself."""
    group: list[Mark] = []
    for mark in marks:
        starts = [_columns(each, line)[0] for each in [*group, mark]]
        if group and max(starts) - min(starts) > width // 2:
            yield group
            group = []
        group.append(mark)
    yield group


def _columns(mark: Mark, line: str) -> tuple[int, int]:
    """First character of the line that is marked, and the one after the last, from 0."""
    span = mark.label.span
    start = min(span.column - 1, len(line))
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return start, min(max(end, start), len(line))


@dataclass(frozen=True, kw_only=True)
class _Window:
    """The part of a line that is shown. first: its first character; lead: columns in front."""

    cells: list[Cell]
    first: int
    text: str
    lead: int

    def column(self, character: int) -> int:
        """The terminal column of a character of the line; the window's end if it is cropped."""
        shown = self.cells[: max(character - self.first, 0)]
        return self.lead + sum(each.width for each in shown)


def _window(line: str, first: int, last: int, width: int) -> _Window:
    """The part of `line` around its characters `first` to `last` that fits `width` columns."""
    # Only characters that could be shown are looked at: a line may be megabytes long.
    start, stop = max(first - width, 0), min(last, first + width) + width
    cells = [cell(character) for character in line[start:stop]]
    if start == 0 and stop >= len(line) and _width(cells) <= width:
        return _Window(cells=cells, first=0, text=_text(cells), lead=0)
    dropped = _num_dropped(cells, first - start, width)
    left = _ELLIPSIS if start + dropped else ""
    kept = _fitting(cells[dropped:], width - len(left) - len(_ELLIPSIS))
    right = _ELLIPSIS if start + dropped + len(kept) < len(line) else ""
    text = left + _text(kept) + right
    return _Window(cells=kept, first=start + dropped, text=text, lead=len(left))


def _num_dropped(cells: list[Cell], num_before: int, width: int) -> int:
    """How many of the cells in front of a label have to go, so that enough behind it is seen."""
    before, total = _width(cells[:num_before]), _width(cells)
    dropped = 0
    room = int(width * _LEFT_CONTEXT)
    while dropped < num_before and before > room and total > width - 2 * len(_ELLIPSIS):
        before -= cells[dropped].width
        total -= cells[dropped].width
        dropped += 1
    return dropped


def _fitting(cells: list[Cell], width: int) -> list[Cell]:
    """The first cells that fit."""
    used = 0
    for count, each in enumerate(cells):
        used += each.width
        if used > width:
            return cells[:count]
    return cells


def _width(cells: list[Cell]) -> int:
    return sum(each.width for each in cells)


def _text(cells: list[Cell]) -> str:
    return "".join(each.shown for each in cells)
