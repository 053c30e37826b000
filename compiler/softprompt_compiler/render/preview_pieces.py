"""What both pictures of a row have in common: the names of its tokens, and its white space."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from softprompt_compiler.preview import PreviewRow, RowStatus
from softprompt_compiler.render.display import safe
from softprompt_plan.row_trace import Piece, PieceKind

_STATUS = {
    RowStatus.OK: "whole",
    RowStatus.CUT: "cut",
    RowStatus.UNFIT: "too long",
    RowStatus.FAULTY: "faulty",
}
SPACE = "\u2423"  # a space where it would not be seen
TAB = "\u21e5"
LINE_BREAK = "\u21b5"


def status_of(row: PreviewRow) -> str:
    """`cut: context lost 41 tokens`."""
    word = _STATUS[row.status]
    return safe(f"{word}: {row.reason}" if row.reason else word)


def pill(piece: Piece, task: str, special: Mapping[int, str]) -> str:
    """The name of a piece that has no text: `squad 0-9`, `EOS <|endoftext|>`."""
    if piece.kind is PieceKind.VIRTUAL:
        return f"{task} {_ranges([-1 - id for id in piece.ids])}"
    text = special.get(piece.ids[0], "")
    return f"{piece.kind.name} {text}".rstrip()


def _ranges(numbers: Sequence[int]) -> str:
    """`7-9 0-6`: two markers may stand side by side in any order."""
    starts = [0, *(at for at in range(1, len(numbers)) if numbers[at] != numbers[at - 1] + 1)]
    runs = [numbers[start:stop] for start, stop in pairwise([*starts, len(numbers)])]
    return " ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def shown_texts(pieces: Sequence[Piece]) -> Iterator[str]:
    """The text of each piece; tabs and spaces that would not be seen have become signs.

    A space is seen between two letters. At either end of a line, beside other white space and
    beside what is no text, it is not.
    """
    around = ["", *(piece.text for piece in pieces), ""]
    for (before, text), (_, after) in pairwise(pairwise(around)):
        near = f"{before[-1:] or ' '}{text}{after[:1] or ' '}"
        yield "".join(map(_shown, near, near[1:], near[2:]))


def _shown(before: str, character: str, after: str) -> str:
    if character == "\t":
        return TAB
    hidden = character == " " and (before.isspace() or after.isspace())
    return SPACE if hidden else character
