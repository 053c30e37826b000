"""For people: the source underlined, in the manner of rustc.

error[SP0101]: `num_virtual_tokns` is not a field of encoder
 --> spec.yaml:6:3
  |
6 |   num_virtual_tokns: 9
  |   ^^^^^^^^^^^^^^^^^
  = help: did you mean `num_virtual_tokens`?
"""

from collections.abc import Iterator
from dataclasses import dataclass

from softprompt_compiler.diagnostic import Diagnostic, Label, Severity
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.report import Report
from softprompt_compiler.render.snippet import Mark, Row, rows
from softprompt_compiler.source import SourceFile

DEFAULT_WIDTH = 100

_RESET = "\x1b[0m"
_BOLD = "\x1b[1m"
_BLUE = "\x1b[1;94m"
_CYAN = "\x1b[1;96m"
_COLORS = {
    Severity.ERROR: "\x1b[1;91m",
    Severity.WARNING: "\x1b[1;93m",
    Severity.NOTE: _CYAN,
}


@dataclass(frozen=True, kw_only=True)
class Style:
    """How the text is laid out. width: terminal columns that a source line may take."""

    color: bool = False
    width: int = DEFAULT_WIDTH

    def paint(self, text: str, color: str) -> str:
        """`text` in an ANSI color, where colors are on."""
        return f"{color}{text}{_RESET}" if self.color and text else text


def render(report: Report, style: Style) -> str:
    """The whole report, ending in its closing line; "" if nothing was found."""
    blocks = [render_diagnostic(diagnostic, style) for diagnostic in report.diagnostics]
    if not blocks:
        return ""
    closing = style.paint(safe(report.closing_line), _BOLD) + "\n"
    return "\n".join([*blocks, closing])


def render_diagnostic(diagnostic: Diagnostic, style: Style) -> str:
    """One diagnostic, ending in a newline."""
    return "\n".join(_lines(diagnostic, style)) + "\n"


def _lines(diagnostic: Diagnostic, style: Style) -> Iterator[str]:
    color = _COLORS[diagnostic.severity]
    head = style.paint(f"{diagnostic.severity}[{diagnostic.code}]", color)
    yield head + style.paint(f": {safe(diagnostic.message)}", _BOLD)
    by_source = _by_source(diagnostic)
    gutter = max(len(str(label.span.line)) for labels in by_source.values() for label in labels)
    for source, labels in by_source.items():
        arrow = "-->" if source is diagnostic.span.source else ":::"
        # A source in which something is primary leads with that place.
        place = next((each for each in labels if each is diagnostic.primary), labels[0]).span
        where = f"{safe(source.name)}:{place.line}:{place.column}"
        yield style.paint(" " * gutter + arrow, _BLUE) + f" {where}"
        if source.text:
            yield from _snippet(diagnostic, labels, gutter, style)
    for word, texts in (("note", diagnostic.notes), ("help", diagnostic.help)):
        for text in texts:
            mark = style.paint(" " * gutter + " = ", _BLUE) + style.paint(f"{word}:", _CYAN)
            yield f"{mark} {safe(text)}"


def _by_source(diagnostic: Diagnostic) -> dict[SourceFile, list[Label]]:
    by_source: dict[SourceFile, list[Label]] = {}
    for label in (diagnostic.primary, *diagnostic.secondary):
        by_source.setdefault(label.span.source, []).append(label)
    return by_source


def _snippet(
    diagnostic: Diagnostic, labels: list[Label], gutter: int, style: Style
) -> Iterator[str]:
    bar = style.paint(" " * gutter + " |", _BLUE)
    marks = [Mark(label=label, primary=label is diagnostic.primary) for label in labels]
    yield bar
    for row in rows(marks, style.width - gutter - 3):
        if row.number is None and row.mark is None:
            yield style.paint("...", _BLUE)
        elif row.number is not None:
            number = style.paint(f"{row.number:>{gutter}} |", _BLUE)
            yield f"{number} {row.text}".rstrip()
        else:
            yield f"{bar} {_underline(row, diagnostic.severity, style)}"


def _underline(row: Row, severity: Severity, style: Style) -> str:
    assert row.mark is not None
    color = _COLORS[severity] if row.mark.primary else _BLUE
    return row.text + style.paint(f"{row.underline} {safe(row.mark.label.text)}".rstrip(), color)
