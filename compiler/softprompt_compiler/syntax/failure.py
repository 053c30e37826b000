"""Where PyYAML stopped, and the words that all diagnoses share."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from softprompt_compiler.diagnostic import Fix
from softprompt_compiler.scalars import in_quotes, quoted_as_meant
from softprompt_compiler.source import SourceFile, Span

KEY = re.compile(r"\s*(?:- +)*([^\s:#'\"\[{-][^:#]*?) *:(?= |$)")

_TEXT_KEYS = ("prompt_template", "text")  # they take text, and templates are full of signs
_AMBIGUOUS = re.compile(r"\\|\s#")
_CONTENT = re.compile(
    r"[\r\n]([ \t]*)(?=[^\s#])"
)  # indentation of the next line that says something


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Where PyYAML stopped, and what it had read just before."""

    source: SourceFile
    problem: str
    at: int
    opened: int  # where the thing starts that could not be read to its end; -1: not known
    flow: bool  # inside [ ] or { }
    last: Any  # the token or event before: start_mark, end_mark, perhaps a style
    innermost: int = -1  # where the innermost open collection starts; -1: not known

    @cached_property
    def line(self) -> Span:
        """The whole line of the place."""
        return self.source.line_at(self.at)

    @property
    def before(self) -> str:
        """The line's text in front of the place."""
        return self.source.text[self.line.start : self.at]

    @property
    def character(self) -> str:
        """The character at the place; "" at the end of the text."""
        return self.source.text[self.at : self.at + 1]

    @property
    def place(self) -> Span:
        """The character at the place, as a span."""
        return self.source.span(self.at, self.at + 1)

    def span(self, start: int, end: int | None = None) -> Span:
        """A span of the source."""
        return self.source.span(start, end)


def quote_rest(failure: Failure, start: int) -> tuple[Fix | None, str]:
    """Quotes around everything from `start` to the end of its line, and the advice in words."""
    line = failure.source.line_at(start)
    value = failure.source.text[start : line.end].rstrip()
    if failure.flow:
        return None, "put quotes around the text"
    span = failure.span(start, start + len(value))
    return quoting(span, quoted_as_meant(value)), in_quotes(value)


def quoting(span: Span, replacement: str) -> Fix:
    """Quotes around a value that ends its line: sure where nothing else can be meant.

    That is, where its key takes text only, and the value holds no escape, no comment and no quote,
    and is over at the end of its line.
    """
    source, line = span.source, span.source.line_at(span.start)
    key = KEY.match(line.text)
    is_text = key is not None and key.group(1) in _TEXT_KEYS
    is_plain = not _AMBIGUOUS.search(span.text) and not span.text.startswith(("'", '"', "|", ">"))
    below = _CONTENT.search(source.text, line.end)
    is_over = below is None or len(below.group(1)) <= indent(line.text)
    return (Fix.sure if is_text and is_plain and is_over else Fix.guess)(span, replacement)


def content(line: Span, length: int | None = None) -> Span:
    """The line without its indentation and trailing space, or `length` characters of that."""
    start = line.start + indent(line.text)
    end = line.start + len(line.text.rstrip()) if length is None else start + length
    return line.source.span(start, end)


def indent(text: str) -> int:
    """The number of space characters before the first other one."""
    return len(text) - len(text.lstrip())


def spaces(number: int) -> str:
    """`number` in words: 1 space, 2 spaces."""
    return f"{number} space" + ("" if number == 1 else "s")
