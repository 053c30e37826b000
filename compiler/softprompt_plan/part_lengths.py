"""How many tokens of a row each part of its template takes.

A token counts for the part in which its last character lies: ` The` of `Context: {context}` is the
context's. The answer's first token is the encoder's own, so a space before it is the answer's too.
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import cast, final

from softprompt_plan.encoding import EncodedRow
from softprompt_plan.layout import Layout, Stretch, Values
from softprompt_plan.tokenization import Encoding, IndexedEncoding

_LOOKED_AT = 8  # characters that may have no token of their own before all offsets are listed


class PartKind(StrEnum):
    """What the tokens of a row stand for."""

    VIRTUAL = "virtual"
    SPECIAL = "special"  # BOS and EOS
    TEMPLATE = "template"  # its literal text
    FIELD = "field"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a template. All literal text is one part, and so is a field that stands twice."""

    kind: PartKind
    field: str | None = None


_VIRTUAL, _SPECIAL = Part(kind=PartKind.VIRTUAL), Part(kind=PartKind.SPECIAL)
_TEMPLATE = Part(kind=PartKind.TEMPLATE)


@final
class PartCounter:
    """Counts the tokens of rows of one layout, part by part.

    parts: what is counted, in the order of the counts. num_special: of BOS and EOS, those that a
    row has.
    """

    def __init__(self, layout: Layout, answer_field: str | None, num_special: int) -> None:
        self._layout = layout
        stretches = [part.pieces if isinstance(part, Stretch) else () for part in layout.parts]
        found = [[_part(*piece, answer_field) for piece in pieces] for pieces in stretches]
        fields = [part for parts in found for part in parts if part != _TEMPLATE]
        self.parts = (_VIRTUAL, _SPECIAL, _TEMPLATE, *dict.fromkeys(fields))
        self._slots = [tuple(map(self.parts.index, parts)) for parts in found]
        self._answers = [_answer_at(parts) for parts in found]
        num_virtual = sum(len(part) for part in layout.parts if not isinstance(part, Stretch))
        self._constant = [num_virtual, num_special, *[0] * (len(self.parts) - 2)]

    def count(self, values: Values, row: EncodedRow) -> tuple[int, ...]:
        """Tokens of each of `parts`. Their sum is the row's length, BOS and EOS included."""
        counts = self._constant.copy()
        start = 0
        for at, part in enumerate(self._layout.parts):
            if isinstance(part, Stretch):
                before = 0
                ends = self._ends(at, part.piece_ends(values), row, start)
                for slot, end in zip(self._slots[at], ends, strict=True):
                    counts[slot] += end - before
                    before = end
            start += len(row.parts[at])
        return tuple(counts)

    def _ends(self, at: int, positions: list[int], row: EncodedRow, start: int) -> list[int]:
        """Tokens of a stretch up to the end of each of its pieces. start: tokens in front of it."""
        encoding, num_tokens = row.encodings[at], len(row.parts[at])
        assert encoding is not None, "only virtual tokens have no encoding"
        ends = [_tokens_until(encoding, position) for position in positions[:-1]]
        answer = self._answers[at]
        if answer and row.answer_start is not None:
            first = row.answer_start - start
            before, after = ends[: answer - 1], ends[answer:]
            # An answer that was encoded as a continuation may have made the stretch longer.
            added = num_tokens - len(encoding.ids) if after else 0
            ends = [*[min(end, first) for end in before], first, *[end + added for end in after]]
        return [min(end, num_tokens) for end in accumulate(ends, max)] + [num_tokens]


def _part(is_field: bool, piece: str, answer_field: str | None) -> Part:
    if not is_field:
        return _TEMPLATE
    return Part(kind=PartKind.ANSWER if piece == answer_field else PartKind.FIELD, field=piece)


def _answer_at(parts: list[Part]) -> int | None:
    """Which piece of a stretch is the answer."""
    kinds = [part.kind for part in parts]
    return kinds.index(PartKind.ANSWER) if PartKind.ANSWER in kinds else None


def _tokens_until(encoding: Encoding, position: int) -> int:
    """Number of tokens that end at or before a character, looked up where that is possible."""
    if hasattr(encoding, "char_to_token"):
        indexed = cast(IndexedEncoding, encoding)
        for at in range(max(position, 0), position + _LOOKED_AT):
            token = indexed.char_to_token(at)
            if token is not None:
                return _first_behind(indexed, token, position)
    return bisect_right(encoding.offsets, position, key=lambda offset: offset[1])


def _first_behind(encoding: IndexedEncoding, token: int, position: int) -> int:
    """The first token that ends behind a character, `token` being one that does."""
    while token:
        span = encoding.token_to_chars(token - 1)
        if span is None or span[1] <= position:
            break
        token -= 1
    return token
