"""A preview as one web page: no script, no request, light and dark, for wide and narrow screens.

The page is Jinja's with everything escaped, and in ASCII, so that no encoding can spoil it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from softprompt_compiler.preview import Preview, PreviewRow
from softprompt_compiler.render.display import cell, safe
from softprompt_compiler.render.preview_pieces import (
    LINE_BREAK,
    SPACE,
    TAB,
    pill,
    shown_texts,
    status_of,
)
from softprompt_plan.row_trace import Piece, PieceKind
from softprompt_plan.vocabulary import Split

if TYPE_CHECKING:
    from jinja2 import Template

_BUFFERED = 64  # fragments written at once


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One element of a row. texts: (whether it is a sign that stands for a character, text)."""

    tag: str
    classes: str
    title: str
    texts: tuple[tuple[bool, str], ...]


@dataclass(frozen=True, kw_only=True)
class _Row:
    """One article."""

    task: str
    place: str
    size: str
    status: str
    saying: str
    parts: tuple[_Part, ...]


def render(preview: Preview) -> Iterator[str]:
    """The page, in pieces, as rows come."""
    is_prompt = preview.split is Split.TEST
    what = "Prompts of the test rows" if is_prompt else f"Rows of the {preview.split} data"
    stream = _page().stream(
        spec=safe(preview.spec),
        split=preview.split.value,
        about=f"{what}, as the model sees them.",
        is_prompt=is_prompt,
        signs={"line_break": LINE_BREAK, "space": SPACE},
        rows=(_row(row, preview) for row in preview.rows),
    )
    stream.enable_buffering(_BUFFERED)
    for text in stream:
        yield text.encode("ascii", "xmlcharrefreplace").decode()


@cache
def _page() -> "Template":
    from importlib.resources import files

    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("softprompt_templates").joinpath("preview.html.j2").read_text("utf-8")
    return environment.from_string(source)


def _row(row: PreviewRow, preview: Preview) -> _Row:
    parts: list[_Part] = []
    number = 0
    for piece, text in zip(row.pieces, shown_texts(row.pieces), strict=True):
        number += piece.kind is PieceKind.TEXT and bool(piece.ids)
        parts.append(_part(piece, text, row.task, preview, is_even=number % 2 == 0))
    return _Row(
        task=row.task,
        place=safe(f"{row.file}:{row.line}"),
        size="" if row.num_tokens is None else f"{row.num_tokens:,} of {row.limit:,} tokens",
        status=row.status.value,
        saying=status_of(row),
        parts=tuple(parts),
    )


def _part(piece: Piece, text: str, task: str, preview: Preview, *, is_even: bool) -> _Part:
    tag, classes = "span", "unread"
    title, texts = "gives no token", tuple(_texts(text))
    if piece.kind is PieceKind.TEXT:
        tag = "mark" if piece.in_loss else "span"
        classes = "token even" if is_even else "token"
        title = f"{_ids(piece)}: {safe(piece.text)}" if piece.ids else "the token before goes on"
    elif piece.kind is PieceKind.CUT:
        tag, classes, title = "del", "lost", f"cut from {piece.field}"
    elif piece.kind is not PieceKind.UNREAD:
        classes = "pill virtual" if piece.kind is PieceKind.VIRTUAL else "pill"
        classes += " in-loss" if piece.in_loss else ""
        title = _ids(piece)
        texts = ((False, f"\u27e6{safe(pill(piece, task, preview.special))}\u27e7"),)
    counts = "; counts in the loss" if piece.in_loss else ""
    return _Part(tag=tag, classes=classes, title=title + counts, texts=texts)


def _ids(piece: Piece) -> str:
    first, last = piece.ids[0], piece.ids[-1]
    if piece.kind is PieceKind.VIRTUAL:
        return f"input ids {first} to {last}" if first != last else f"input id {first}"
    return f"id {' '.join(map(str, piece.ids))}"


def _texts(text: str) -> Iterator[tuple[bool, str]]:
    """Runs of plain characters, and signs for those that would not be seen."""
    plain = ""
    for character in text:
        shown = cell(character).shown
        is_sign = character in (SPACE, TAB, "\n") or shown != character
        if not is_sign:
            plain += character
            continue
        if plain:
            yield False, plain
            plain = ""
        yield True, LINE_BREAK if character == "\n" else shown
        if character == "\n":
            plain = "\n"
    if plain:
        yield False, plain
