"""Source texts and places in them. Offsets count characters; lines and columns start at 1."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

# YAML 1.2's line breaks, which are also an editor's: U+0085, U+2028 and U+2029 are plain text.
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class SourceKind(IntEnum):
    """What a text is. The order is the order in which its diagnostics are printed."""

    SPEC = 0
    SETTING = 1  # the text of one --set
    MODEL = 2  # a model's config or tokenizer file
    DATA = 3
    LOCK = 4


@dataclass(frozen=True, kw_only=True, eq=False)
class SourceFile:
    """A text with the name that its reader knows it by.

    An excerpt of a large file is a source whose `first_line` is the excerpt's line number. A file
    that could not be read is a source with an empty text.
    """

    name: str
    text: str
    kind: SourceKind = SourceKind.SPEC
    first_line: int = 1

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(match.end() for match in _LINE_BREAK.finditer(self.text))]

    def line_number(self, offset: int) -> int:
        """The 1-based line of a character offset."""
        return bisect_right(self._line_starts, offset) - 1 + self.first_line

    def column(self, offset: int) -> int:
        """The 1-based column of a character offset, in characters."""
        return offset - self._line_starts[bisect_right(self._line_starts, offset) - 1] + 1

    def line_at(self, offset: int) -> "Span":
        """The whole line that holds a character offset, without its line break."""
        start = self._line_starts[bisect_right(self._line_starts, offset) - 1]
        match = _LINE_BREAK.search(self.text, start)
        return Span(self, start, match.start() if match else len(self.text))

    def line(self, number: int) -> str:
        """The text of a 1-based line, without its line break; "" outside the text."""
        index = number - self.first_line
        if not 0 <= index < len(self._line_starts):
            return ""
        return self.line_at(self._line_starts[index]).text

    def span(self, start: int, end: int | None = None) -> "Span":
        """The span from `start` to `end` (none: width 0), both held inside the text."""
        start = min(max(start, 0), len(self.text))
        end = start if end is None else min(max(end, start), len(self.text))
        return Span(self, start, end)


@dataclass(frozen=True)
class Span:
    """The characters `start` to `end` (exclusive) of a source. Width 0 is a place between two."""

    source: SourceFile
    start: int
    end: int

    @property
    def text(self) -> str:
        """The spanned text."""
        return self.source.text[self.start : self.end]

    @property
    def line(self) -> int:
        """The 1-based line of the first character."""
        return self.source.line_number(self.start)

    @property
    def column(self) -> int:
        """The 1-based column of the first character."""
        return self.source.column(self.start)

    @property
    def end_line(self) -> int:
        """The 1-based line of the place after the last character."""
        return self.source.line_number(self.end)

    @property
    def end_column(self) -> int:
        """The 1-based column of the place after the last character."""
        return self.source.column(self.end)

    @property
    def sort_key(self) -> tuple[int, str, int, int, int]:
        """Source order: by kind of source, its name, its line, then by place."""
        source = self.source
        return (source.kind, source.name, source.first_line, self.start, self.end)

    def to(self, other: "Span") -> "Span":
        """From the start of this span to the end of `other`, a later one of the same source."""
        return Span(self.source, self.start, max(self.end, other.end))
