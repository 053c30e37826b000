"""A preview for people, on a terminal or in a plain file. Yields text as rows come.

Nothing is told by color alone: where colors are off, marks stand in the text. `docs/preview.md`
shows them.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from softprompt_compiler.preview import Preview, PreviewRow, RowStatus
from softprompt_compiler.render.display import cell, safe
from softprompt_compiler.render.human import Style
from softprompt_compiler.render.preview_pieces import (
    LINE_BREAK,
    SPACE,
    pill,
    shown_texts,
    status_of,
)
from softprompt_plan.row_trace import Piece, PieceKind
from softprompt_plan.vocabulary import Split

_INDENT = "  "
_LEAST_WIDTH = 20
_BORDER = "\u00b7"
_LOSS = "\u00ab{}\u00bb"
_PILL = "\u27e6{}\u27e7"
_WITHOUT_COLOR = {PieceKind.CUT: "\u27ea-{}-\u27eb"}
_UNREAD = "\u27e8{}\u27e9"

_BOLD = "\x1b[1m"
_COLORS = {  # the numbers of ANSI's "select graphic rendition"
    PieceKind.VIRTUAL: "1;35",
    PieceKind.BOS: "36",
    PieceKind.EOS: "36",
    PieceKind.TEXT: "",
    PieceKind.CUT: "9;31",
    PieceKind.UNREAD: "33",
}
_IN_LOSS = "1;32"
_UNDERLINED = "4"
_DIM = "2"
_STATUS_COLORS = {
    RowStatus.OK: "\x1b[32m",
    RowStatus.CUT: "\x1b[33m",
    RowStatus.UNFIT: "\x1b[1;91m",
    RowStatus.FAULTY: "\x1b[1;91m",
}


@dataclass(frozen=True, kw_only=True)
class _Glyph:
    """Something that no line break tears apart."""

    shown: str
    width: int
    color: str = ""
    is_space: bool = False  # a line may end behind it
    ends_line: bool = False


def render(preview: Preview, style: Style) -> Iterator[str]:
    """The legend, then row after row, each ending in a newline. Nothing if there are no rows."""
    legend = "".join(f"{line}\n" for line in _lines(_legend(preview, style), style, style.width))
    for row in preview.rows:
        yield f"{legend}\n{_head(row, style)}\n"
        legend = ""
        glyphs = _row(row, preview, style)
        lines = _lines(glyphs, style, style.width - len(_INDENT))
        yield "".join(f"{_INDENT}{line}\n" for line in lines)


def _head(row: PreviewRow, style: Style) -> str:
    status = style.paint(status_of(row), _STATUS_COLORS[row.status])
    size = [] if row.num_tokens is None else [f"{row.num_tokens:,}/{row.limit:,} tokens"]
    where = style.paint(f"{row.task}  {safe(row.file)}:{row.line}", _BOLD)
    return "  ".join([where, *size, status])


def _legend(preview: Preview, style: Style) -> Iterator[_Glyph]:
    yield from _text(_PILL.format("task 0-9"), _color_of(PieceKind.VIRTUAL, style))
    yield from _text(" virtual tokens; ")
    if style.color:
        yield from _text("tokens", _UNDERLINED)
        yield from _text(" underlined in turn; ")
    else:
        yield from _text(f"a{_BORDER}b border of two tokens, as is each space; ")
    if preview.split is not Split.TEST:  # a prompt is not trained on
        loss = "counts in the loss"
        yield from _text(loss if style.color else _LOSS.format(loss), _IN_LOSS)
        yield from _text("; ")
    yield from _text(_marked(PieceKind.CUT, "cut away", style), _color_of(PieceKind.CUT, style))
    yield from _text("; ")
    unread = _marked(PieceKind.UNREAD, "gives no token", style)
    yield from _text(unread, _color_of(PieceKind.UNREAD, style))
    yield from _text(f"; {LINE_BREAK} line break; {SPACE} space at an edge")


def _row(row: PreviewRow, preview: Preview, style: Style) -> Iterator[_Glyph]:
    texts = zip(row.pieces, shown_texts(row.pieces), strict=True)
    for in_loss, group in groupby(texts, key=lambda pair: pair[0].in_loss):
        marks = _LOSS.split("{}") if in_loss and not style.color else ("", "")
        yield from _text(marks[0])
        yield from _pieces(list(group), row, preview, style)
        yield from _text(marks[1])


def _pieces(
    pairs: Sequence[tuple[Piece, str]], row: PreviewRow, preview: Preview, style: Style
) -> Iterator[_Glyph]:
    underlined = False
    after_text = False  # whether a token's text stands right before
    for piece, text in pairs:
        color = _IN_LOSS if piece.in_loss else _color_of(piece.kind, style)
        if piece.kind in (PieceKind.VIRTUAL, PieceKind.BOS, PieceKind.EOS):
            yield from _name(_PILL.format(safe(pill(piece, row.task, preview.special))), color)
        elif piece.kind is PieceKind.TEXT:
            if piece.ids:
                underlined = not underlined
            if not style.color:
                if after_text and piece.ids and not text.startswith(" "):
                    yield from _text(_BORDER)
                text = text[:1] + text[1:].replace(" ", SPACE)  # a plain space tells a border
            yield from _text(text, _joined(color, _UNDERLINED) if underlined else color)
        else:
            yield from _text(_marked(piece.kind, text, style), color)
        after_text = piece.kind is PieceKind.TEXT


def _joined(*colors: str) -> str:
    return ";".join(filter(None, colors))


def _color_of(kind: PieceKind, style: Style) -> str:
    return _COLORS[kind] if style.color else ""


def _marked(kind: PieceKind, text: str, style: Style) -> str:
    if kind is PieceKind.UNREAD:
        return _UNREAD.format(text)
    return text if style.color else _WITHOUT_COLOR[kind].format(text)


def _name(text: str, color: str) -> Iterator[_Glyph]:
    cells = [cell(character) for character in text]
    shown = "".join(each.shown for each in cells)
    yield _Glyph(shown=shown, width=sum(each.width for each in cells), color=color)


def _text(text: str, color: str = "") -> Iterator[_Glyph]:
    for at, character in enumerate(text):
        if character == "\n":
            yield _Glyph(shown=LINE_BREAK, width=1, color=_joined(color, _DIM), ends_line=True)
            continue
        found = cell(character)
        shown, width = found.shown, found.width
        if at == 0 and unicodedata.category(character) in ("Mn", "Me", "Mc"):
            shown, width = "\u25cc" + shown, width + 1  # else it would be drawn onto a mark
        yield _Glyph(shown=shown, width=width, color=color, is_space=character in (" ", SPACE))


def _lines(glyphs: Iterator[_Glyph], style: Style, width: int) -> Iterator[str]:
    """Broken behind spaces where that is possible; combining marks stay with their letter."""
    width = max(width, _LEAST_WIDTH)
    line: list[_Glyph] = []
    for glyph in glyphs:
        while line and glyph.width and _width(line) + glyph.width > width:
            spaces = [at for at, each in enumerate(line) if each.is_space]
            stop = spaces[-1] + 1 if spaces else len(line)
            yield _painted(line[: stop - (line[stop - 1].shown == " ")], style)
            line = line[stop:]
        line.append(glyph)
        if glyph.ends_line:
            yield _painted(line, style)
            line = []
    if line:
        yield _painted(line, style)


def _width(glyphs: Sequence[_Glyph]) -> int:
    return sum(glyph.width for glyph in glyphs)


def _painted(glyphs: Sequence[_Glyph], style: Style) -> str:
    runs = groupby(glyphs, key=lambda glyph: glyph.color)
    texts = ((color, "".join(glyph.shown for glyph in run)) for color, run in runs)
    return "".join(style.paint(text, f"\x1b[{color}m") if color else text for color, text in texts)
