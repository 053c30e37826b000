"""Faults of values: quotes, brackets, escapes, and signs that YAML keeps for itself."""

import yaml

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.scalars import in_quotes, quoted, quoted_as_meant
from softprompt_compiler.syntax.failure import KEY, Failure, content, quote_rest, quoting
from softprompt_compiler.yaml_marks import extent

_CLOSING = {"[": "]", "{": "}"}
_CLOSES = ("]", "}", "'", '"')


def text_after_value(failure: Failure) -> Diagnostic:
    """More text behind a closing quote or bracket, on its line."""
    last = failure.last
    if isinstance(last, yaml.ScalarEvent) and _spans_lines(last):
        return _quote_closed_too_late(failure, last)
    text = failure.source.text
    closing = failure.before.rstrip()[-1:]
    if closing not in _CLOSES:
        return stray(failure)
    end = failure.line.start + len(failure.line.text.rstrip())
    key = KEY.match(failure.line.text)
    value_start = failure.line.start + key.end() if key else failure.line.start
    value = text[value_start:end].strip()
    start = text.index(value, value_start)
    hint, fixed = _requote(value)
    return rules.TEXT_AFTER_VALUE.at(
        failure.span(failure.at, max(end, failure.at)),
        closing=closing,
        help=hint,
        fix=quoting(failure.span(start, end), fixed) if key else None,
    )


def _spans_lines(scalar: yaml.ScalarEvent) -> bool:
    start, end = scalar.start_mark, scalar.end_mark
    return start is not None and end is not None and start.line < end.line


def _requote(value: str) -> tuple[str, str]:
    quote = value[:1]
    if quote not in ("'", '"') or not value.endswith(quote) or len(value) < 3:
        return f"if all of it is text, {in_quotes(value)}", quoted_as_meant(value)
    inner = value[1:-1]
    if quote == "'":
        return "inside these quotes write '' for '", "'" + inner.replace("'", "''") + "'"
    return 'inside these quotes write \\" for "', quoted(inner)


def _quote_closed_too_late(failure: Failure, last: yaml.ScalarEvent) -> Diagnostic:
    start, end = extent(last)
    quote = failure.source.text[start]
    return rules.UNCLOSED_QUOTE.at(
        failure.span(start, start + 1),
        label="opened here",
        labels=[Label(span=failure.span(end - 1, end), text=f"the next `{quote}` is only here")],
        quote=quote,
        help=f"put a `{quote}` at the end of the text",
    )


def open_quote(failure: Failure) -> Diagnostic:
    """A quoted text that goes on to the end of the file."""
    quote = failure.source.text[failure.opened]
    return rules.UNCLOSED_QUOTE.at(
        failure.span(failure.opened, failure.opened + 1),
        label="opened here",
        quote=quote,
        help=f"put a `{quote}` at the end of the text",
    )


def flow_end(failure: Failure) -> Diagnostic:
    """A `[` or `{` that another thing follows than `,` or its closing sign."""
    last = failure.last
    if isinstance(last, yaml.ScalarEvent) and last.style in ("'", '"') and _spans_lines(last):
        return _quote_closed_too_late(failure, last)
    closing = _CLOSING[failure.source.text[failure.opened]]
    is_key = "':'" in failure.problem
    is_closing = failure.character in ("]", "}")
    same_line = failure.line.start <= failure.opened
    if failure.character and not is_closing and (same_line or not is_key):
        hint = "put quotes around a text that holds a colon" if is_key else _comma(failure)
        return rules.MISSING_COMMA.at(failure.place, closing=closing, help=hint)
    return _unclosed(failure, failure.opened)


def _comma(failure: Failure) -> str:
    """Where a comma may be missing: behind the last value, often at the end of a line above."""
    mark = getattr(failure.last, "end_mark", None)
    if mark is not None and mark.line + 1 < failure.place.line:
        return f"put a `,` at the end of line {mark.line + 1}"
    return "put a `,` before it, or quotes around the whole text"


def _unclosed(failure: Failure, start: int) -> Diagnostic:
    bracket = failure.source.text[start]
    place, text = failure.place, "and is still open here"
    if failure.character in ("]", "}"):
        text = f"this closes no `{bracket}`"
    elif failure.character == ":":
        place = content(failure.line, len(failure.before.strip()))
    return rules.UNCLOSED_BRACKET.at(
        failure.span(start, start + 1),
        label="opened here",
        labels=[Label(span=place, text=text)],
        bracket=bracket,
        help=f"put a `{_CLOSING[bracket]}` at its end",
    )


def escape(failure: Failure) -> Diagnostic:
    """A backslash that YAML does not know in a double-quoted text."""
    start = failure.source.text.rfind("\\", 0, failure.at + 1)
    span = failure.span(start, failure.at + 1)
    hint = "write `\\\\` for a backslash, or put the text in 'single quotes'"
    fix = Fix.guess(failure.span(start), "\\")
    return rules.UNKNOWN_ESCAPE.at(span, escape=span.text, help=hint, fix=fix)


def bad_start(failure: Failure) -> Diagnostic:
    """A character that cannot start anything: a tab, or one that YAML keeps for itself."""
    if failure.character != "\t":
        return _reserved_at(failure, failure.at)
    rest = failure.source.text[failure.at : failure.line.end]
    width = len(rest) - len(rest.lstrip("\t"))
    span = failure.span(failure.at, failure.at + width)
    if failure.before.strip():  # no indentation, and no text: those may hold tabs
        return rules.TAB.at(span, help="use a space", fix=Fix.sure(span, " "))
    hint = "use spaces; two for each level are common"
    return rules.TAB.at(span, help=hint, fix=Fix.guess(span, "  " * width))


def reserved(failure: Failure) -> Diagnostic:
    """A text whose first character makes YAML read it as something else."""
    return _reserved_at(failure, failure.opened)


def _reserved_at(failure: Failure, start: int) -> Diagnostic:
    span = failure.span(start, start + 1)
    fix, hint = quote_rest(failure, start)
    character = "a backtick" if span.text == "`" else f"`{span.text}`"
    return rules.RESERVED_START.at(span, character=character, help=hint, fix=fix)


def stray(failure: Failure) -> Diagnostic:
    """A sign that belongs to YAML's grammar, where the grammar has no use for it."""
    opening = failure.source.text[failure.innermost] if failure.innermost >= 0 else ""
    if opening in _CLOSING and (not failure.character or failure.character in ("]", "}")):
        return _unclosed(failure, failure.innermost)
    return unforeseen(failure)


def unforeseen(failure: Failure) -> Diagnostic:
    """A place that YAML has no use for, with the parser's own words where they may tell more."""
    if not failure.character.strip():
        what = "a line break" if failure.character else "the end of the text"
        notes = f"the YAML parser says: {failure.problem}"
        return rules.STRAY_CHARACTER.at(failure.place, character=what, notes=notes)
    hint = "remove it, or put quotes around it if it is text"
    return rules.STRAY_CHARACTER.at(failure.place, character=f"`{failure.character}`", help=hint)
