"""What the rows of a spec are like, for people: tables, and sentences about `max_seq_length`."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from itertools import groupby
from typing import TYPE_CHECKING

from softprompt_compiler.data_report import DataReport, SplitReport
from softprompt_compiler.lengths import Lengths
from softprompt_compiler.render.console import console_on, printed
from softprompt_compiler.render.data_sentences import sentences
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.human import Style
from softprompt_plan.part_lengths import Part, PartKind
from softprompt_plan.vocabulary import Split

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

_WIDEST_NAME = 24  # terminal columns of a task, a field or a label
_UNBOUNDED = 100_000  # columns of a terminal on which any table fits
_MOST_LABELS = 12


@dataclass(frozen=True, kw_only=True)
class _Column:
    """A column of a table. is_name: stands at the left of every table, and may be cropped."""

    heading: str
    cells: tuple[str, ...]
    is_name: bool = False


def render(report: DataReport, style: Style) -> str:
    """The report, in lines that are no wider than the style's width if they can be."""
    text = StringIO()
    console = console_on(text, style)
    for columns in (_rows(report), _parts(report), _labels(report)):
        for table in _tables(console, columns):
            console.print(table)
            console.print()
    for sentence in sentences(report):
        console.print(safe(sentence))
    return printed(text)


def _tables(console: "Console", columns: Sequence[_Column]) -> "Iterator[Table]":
    """The columns as one table, or as several where one would be too wide."""
    names = [column for column in columns if column.is_name]
    kept: list[_Column] = []
    unbounded = console.options.update(max_width=_UNBOUNDED)
    for column in columns[len(names) :]:
        table = _table([*names, *kept, column])
        if kept and console.measure(table, options=unbounded).maximum > console.width:
            yield _table([*names, *kept])
            kept = []
        kept.append(column)
    if kept:
        yield _table([*names, *kept])


def _table(columns: Sequence[_Column]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="left" if column.is_name else "right",
            vertical="bottom",
            no_wrap=True,
            overflow="ellipsis",
            max_width=_WIDEST_NAME if column.is_name else None,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*(Text(safe(cell)) for cell in cells))
    return table


# The rows of each split

_Figure = Callable[[SplitReport], int | None]
_FIGURES: tuple[tuple[str, _Figure], ...] = (
    ("faulty", lambda split: split.num_faulty),
    ("repeated", lambda split: split.num_repeated),
    ("other\nanswer", lambda split: split.num_contrary),
    ("also in\ntrain", lambda split: split.num_trained),
    ("empty\nanswer", lambda split: split.num_empty_answers),
    ("no\nanswer", lambda split: split.num_without_answer),
    ("cut", lambda split: split.tokens and split.tokens.num_cut),
    ("cannot\nfit", lambda split: split.tokens and split.tokens.num_unfit),
    ("longest,\ntokens", lambda split: split.tokens and split.tokens.whole.longest),
)


def _rows(report: DataReport) -> list[_Column]:
    """A line a split. A figure that is 0 everywhere is left out."""
    splits = report.splits
    columns = [
        _name("task", _once([split.task for split in splits])),
        _name("split", [split.split.value for split in splits]),
        _Column(heading="rows", cells=tuple(f"{split.num_rows:,}" for split in splits)),
    ]
    for heading, figure in _FIGURES:
        found = [figure(split) for split in splits]
        if any(found):
            cells = tuple("" if number is None else f"{number:,}" for number in found)
            columns.append(_Column(heading=heading, cells=cells))
    return columns


# The tokens of each part

_PARTS = {
    PartKind.VIRTUAL: "virtual tokens",
    PartKind.SPECIAL: "BOS, EOS",
    PartKind.TEMPLATE: "text of the template",
}


def _parts(report: DataReport) -> list[_Column]:
    """A line for each part of a task's rows: those it is trained on, if there are any."""
    tasks: list[str] = []
    parts: list[tuple[str, Lengths]] = []
    for task, splits in groupby(report.splits, key=lambda split: split.task):
        tokens = next((split.tokens for split in splits if split.num_rows), None)
        if tokens is None or not tokens.whole.num_rows:
            continue
        in_task = [(_part(part), lengths) for part, lengths in tokens.parts.items()]
        used = [(name, lengths) for name, lengths in in_task if lengths.longest]
        parts += [*used, ("the whole row", tokens.whole)]
        tasks += [task] * (len(used) + 1)
    if not parts:
        return []
    figures: tuple[tuple[str, Callable[[Lengths], str]], ...] = (
        ("mean", lambda lengths: f"{lengths.mean:,.1f}"),
        ("median", lambda lengths: f"{lengths.percentile(50):,}"),
        ("95 %", lambda lengths: f"{lengths.percentile(95):,}"),
        ("longest", lambda lengths: f"{lengths.longest:,}"),
    )
    return [
        _name("task", _once(tasks)),
        _name("tokens, before cutting", [name for name, _ in parts]),
        *(
            _Column(heading=heading, cells=tuple(figure(lengths) for _, lengths in parts))
            for heading, figure in figures
        ),
    ]


def _part(part: Part) -> str:
    return _PARTS.get(part.kind) or f"{{{part.field}}}"


# The labels


def _labels(report: DataReport) -> list[_Column]:
    """A line for each of a task's labels, the most usual first."""
    columns: list[list[str]] = [[], []]
    splits = [split for split in Split if any(r.labels and r.split is split for r in report.splits)]
    counts: list[list[str]] = [[] for _ in splits]
    for task, reports in groupby(report.splits, key=lambda split: split.task):
        by_split = {r.split: r.labels.counts for r in reports if r.labels is not None}
        labels = list(dict.fromkeys(label for some in by_split.values() for label in some))
        labels.sort(key=lambda label: -max(some.get(label, 0) for some in by_split.values()))
        shown, others = labels[:_MOST_LABELS], labels[_MOST_LABELS:]
        for label in shown:
            columns[0].append(task)
            columns[1].append(label or "(empty)")
            for cells, split in zip(counts, splits, strict=True):
                cells.append(f"{by_split[split].get(label, 0):,}" if split in by_split else "")
        if others:
            columns[0].append(task)
            columns[1].append(f"({len(others):,} more)")
            for cells, split in zip(counts, splits, strict=True):
                some = by_split.get(split, {})
                cells.append(f"{sum(some.get(label, 0) for label in others):,}")
    if not splits:
        return []
    names = [_name("task", _once(columns[0])), _name("label", columns[1])]
    figures = [
        _Column(heading=split.value, cells=tuple(cells))
        for split, cells in zip(splits, counts, strict=True)
    ]
    return [*names, *figures]


def _name(heading: str, cells: Sequence[str]) -> _Column:
    return _Column(heading=heading, cells=tuple(cells), is_name=True)


def _once(names: Sequence[str]) -> list[str]:
    """Names, each only where it begins."""
    return [name if at == 0 or names[at - 1] != name else "" for at, name in enumerate(names)]
