"""A template as the tokenizer sees it: runs of virtual tokens, and stretches of text between them.

A stretch, template text and field text together, is encoded as one string. Nothing else reaches
the tokenizer: virtual tokens are positions, and markers, braces and special tokens that stand in
data are plain text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

from softprompt_plan.template import Field, Segment, VirtualMarker
from softprompt_plan.vocabulary import Whitespace

Values: TypeAlias = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Stretch:
    """Text between two markers. `pieces` are (is it a field, its name or the literal text).

    trim_left, trim_right: the characters dropped at the ends: "" for none, None for white space.
    """

    pieces: tuple[tuple[bool, str], ...]
    trim_left: str | None
    trim_right: str | None

    def text(self, values: Values) -> str:
        """The stretch with its fields filled in, once, whatever their text holds."""
        text = self._filled(values)
        if self.trim_left != "":
            text = text.lstrip(self.trim_left)
        return text.rstrip(self.trim_right) if self.trim_right != "" else text

    def find_field(self, values: Values, name: str) -> int | None:
        """The character of `text` at which the field first begins, below 0 if trimmed away."""
        at = 0
        for is_field, piece in self.pieces:
            if is_field and piece == name:
                return at - self._num_trimmed(self._filled(values))
            at += len(values[piece] if is_field else piece)
        return None

    def piece_ends(self, values: Values) -> list[int]:
        """The character of `text` behind each piece, outside the text where it is trimmed."""
        lengths = [len(values[piece] if is_field else piece) for is_field, piece in self.pieces]
        trimmed = self._num_trimmed(self._filled(values)) if self.trim_left != "" else 0
        return [end - trimmed for end in accumulate(lengths)]

    def count_field(self, name: str) -> int:
        """How often the field stands in the stretch."""
        return self.pieces.count((True, name))

    def _filled(self, values: Values) -> str:
        return "".join([values[piece] if is_field else piece for is_field, piece in self.pieces])

    def _num_trimmed(self, text: str) -> int:
        """Characters that `trim_left` drops."""
        return len(text) - len(text.lstrip(self.trim_left)) if self.trim_left != "" else 0


VirtualRun: TypeAlias = tuple[int, ...]  # the ids -1-k of neighbouring virtual tokens


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Runs and stretches in the order of the row. No run is empty, no two stretches touch."""

    parts: tuple[VirtualRun | Stretch, ...]

    def count_field(self, name: str) -> int:
        """How often the field stands in the row."""
        return sum(part.count_field(name) for part in self.parts if isinstance(part, Stretch))


def lay_out(segments: Sequence[Segment], splits: Sequence[int], whitespace: Whitespace) -> Layout:
    """The layout of a template, or of its first segments.

    Virtual tokens are numbered by their marker's number, wherever it stands in the text. Spaces
    (not other white space) at both ends of the row are dropped, as NeMo does.
    """
    groups = _group(segments, splits)
    beside = None if whitespace is Whitespace.NEMO_2023 else ""
    opens = bool(segments) and not isinstance(segments[0], VirtualMarker)
    closes = bool(segments) and not isinstance(segments[-1], VirtualMarker)
    parts: list[VirtualRun | Stretch] = []
    for at, (run, pieces) in enumerate(groups):
        if run:
            parts.append(run)
            continue
        left = beside if at else " " if opens else ""
        right = beside if at < len(groups) - 1 else " " if closes else ""
        parts.append(Stretch(pieces=pieces, trim_left=left, trim_right=right))
    return Layout(parts=tuple(parts))


_Group: TypeAlias = tuple[VirtualRun, tuple[tuple[bool, str], ...]]  # one of the two is empty


def _group(segments: Sequence[Segment], splits: Sequence[int]) -> list[_Group]:
    groups: list[_Group] = []
    for segment in segments:
        run, pieces = (), ()
        if isinstance(segment, VirtualMarker):
            first = sum(splits[: segment.number])
            run = tuple(-1 - k for k in range(first, first + splits[segment.number]))
        elif isinstance(segment, Field):
            pieces = ((True, segment.name),)
        else:
            pieces = ((False, segment.text),)
        if groups and bool(groups[-1][0]) == bool(run):
            before = groups.pop()
            run, pieces = before[0] + run, before[1] + pieces
        if run or pieces:
            groups.append((run, pieces))
    return groups
