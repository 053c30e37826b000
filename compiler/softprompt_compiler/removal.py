"""What to delete of a spec's text so that an item of a list, or a key with its value, is gone."""

import re

from softprompt_compiler.source import Span

_COMMA = re.compile(r"\s*,\s*")
_HEAD = re.compile(r" *(?:- +)?")
_LINE_BREAK = re.compile(r"\r\n|\n|\r")


def removal(whole: Span, *, previous: Span) -> Span | None:
    """The text to delete: with the comma before it in brackets, with its lines elsewhere.

    whole: the item; of a mapping, from the key on. previous: the item or entry before it. None
    where something else would go too, such as a comment, or where the two are of two texts.
    """
    source = whole.source
    if previous.source is not source:
        return None
    if _COMMA.fullmatch(source.text, previous.end, whole.start):
        return source.span(previous.end, whole.end)
    first, last = source.line_at(whole.start), source.line_at(whole.end)
    head = _HEAD.fullmatch(source.text, first.start, whole.start)
    if not head or source.text[whole.end : last.end].strip(" ") or previous.end > first.start:
        return None
    if following := _LINE_BREAK.match(source.text, last.end):
        return source.span(first.start, following.end())
    return source.span(source.line_at(first.start - 1).end, last.end)
