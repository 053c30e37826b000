"""Faults of data rows -> diagnostics at the line of the data file."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any, Self, final

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.source import SourceFile, SourceKind, Span
from softprompt_compiler.world import World
from softprompt_plan.example import Unfit, UnfitReason
from softprompt_plan.row_formats import is_table
from softprompt_plan.rows import Row, RowFault, RowFaultKind
from softprompt_plan.vocabulary import Split

_WIDEST_LINE = 4096  # characters of a line that a diagnostic keeps
_RULES: dict[RowFaultKind, Rule] = {
    RowFaultKind.MISSING_FIELD: rules.ROW_LACKS_FIELD,
    RowFaultKind.OTHER_TASK: rules.ROW_OF_OTHER_TASK,
}
_HELP = {
    RowFaultKind.NON_STRING: "write the value in quotes, as text",
    RowFaultKind.OTHER_TASK: "keep the rows of each task in files of their own",
    RowFaultKind.MISSING_FIELD: "add it to the row, or name its column under the task's "
    "`data.fields`",
}
_OF_FILE = rules.DATA_UNREADABLE
_TABLE_NOTE = "this data has no lines: {row} is the number of the row, counted from 1"
_TABLE_HELP = {
    RowFaultKind.NON_STRING: "store the column as text, and leave rows without a value out",
    RowFaultKind.MISSING_FIELD: "name the column under the task's `data.fields`",
}
_REASONS = {
    UnfitReason.NOTHING_TO_CUT: "no `truncate_field` holds text",
    UnfitReason.CUT_TOO_LITTLE: "{least} are left with every `truncate_field` empty",
    UnfitReason.NOTHING_TO_LEARN: "no token of it would count in the loss",
}
_SKIP = "or write `data: {too_long: skip}`"
_UNFIT_HELP = {
    UnfitReason.NOTHING_TO_CUT: f"name a `truncate_field`, raise `model.max_seq_length`, {_SKIP}",
    UnfitReason.CUT_TOO_LITTLE: "name another `truncate_field` too, raise "
    f"`model.max_seq_length`, {_SKIP}",
    UnfitReason.NOTHING_TO_LEARN: f"give the row an answer, {_SKIP}",
}


@dataclass(frozen=True, kw_only=True)
class RowFinding:
    """A fault of a row, before its line is looked up. column: 1-based; field: to underline."""

    file: Path
    line: int
    column: int | None
    field: str | None
    rule: Rule
    values: dict[str, Any]
    help: str


def row_fault_finding(fault: RowFault) -> RowFinding:
    """The finding of a row, or of a file, that cannot be used."""
    of_row = _OF_FILE if fault.row is None else rules.BROKEN_ROW
    if fault.field is not None:
        of_row = rules.FIELD_NOT_TEXT
    return RowFinding(
        file=fault.file,
        line=fault.line,
        column=fault.column,
        field=fault.field,
        rule=_RULES.get(fault.kind, of_row),
        values={"detail": fault.detail.removesuffix(" at")},
        help=(_HELP | _TABLE_HELP if is_table(fault.file) else _HELP).get(fault.kind, ""),
    )


def unfit_finding(row: Row, unfit: Unfit, split: Split) -> RowFinding:
    """The finding of a row that is too long whatever is cut."""
    return RowFinding(
        file=row.file,
        line=row.line,
        column=None,
        field=None,
        rule=rules.PROMPT_TOO_LONG if split is Split.TEST else rules.ROW_TOO_LONG,
        values={
            "tokens": unfit.num_tokens,
            "limit": unfit.max_seq_length,
            "reason": _REASONS[unfit.reason].format(least=unfit.min_tokens),
        },
        help="its prediction will be empty" if split is Split.TEST else _UNFIT_HELP[unfit.reason],
    )


def diagnose_rows(findings: Iterable[RowFinding], world: World) -> Iterator[Diagnostic]:
    """The diagnostics of findings, each with its line of the data file.

    A file is read once as long as its findings come in the order of their lines.
    """
    for file, group in groupby(findings, key=lambda finding: finding.file):
        with _Lines(file) as lines:
            for finding in group:
                text = "" if is_table(file) else lines.text(finding.line)
                span = _span(finding, text, world.shown(file))
                of_row = is_table(file) and finding.rule is not _OF_FILE
                notes = _TABLE_NOTE.format(row=finding.line) if of_row else ()
                yield finding.rule.at(span, notes=notes, help=finding.help or (), **finding.values)


@final
class _Lines:
    """The lines of a file by number; empty ones where it cannot be read."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stream: IO[str] | None = None
        self._number = 0
        self._text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def text(self, number: int) -> str:
        """A line without its end, 1 being the first; not all of it where it is very long."""
        if self._stream is None or number < self._number:
            self._open()
        for line in islice(self._stream or (), max(number - self._number, 0)):
            self._number += 1
            self._text = line
        return self._text.rstrip("\r\n")[:_WIDEST_LINE] if self._number == number else ""

    def _open(self) -> None:
        self.__exit__()
        self._number = 0
        with suppress(OSError):
            self._stream = self._file.open(encoding="utf-8-sig", errors="replace", newline="\n")


def _span(finding: RowFinding, text: str, name: str) -> Span:
    source = SourceFile(name=name, text=text, kind=SourceKind.DATA, first_line=finding.line)
    if finding.column is not None:
        return source.span(finding.column - 1, finding.column)
    key = f'"{finding.field}"'
    if finding.field is not None and key in text:
        start = text.index(key)
        return source.span(start, start + len(key))
    start = len(text) - len(text.lstrip())
    return source.span(start, len(text.rstrip()))
