"""Faults of lines: a key where none can be, a missing colon, an indentation that fits nothing."""

import re

import yaml

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.source import SourceFile, Span
from softprompt_compiler.syntax.failure import KEY, Failure, content, indent, quote_rest, spaces
from softprompt_compiler.syntax.values import stray, text_after_value
from softprompt_compiler.yaml_marks import extent

_KEY_WITHOUT_SPACE = re.compile(r"\s*(?:- +)*(\w[\w.-]*):(?=[^\s/])")
_ITEM = re.compile(r"(\s*)(- +)")
_LONGEST_KEY = 1024  # YAML's own limit
_MAX_LEVELS = 3  # named in a help


def colon(failure: Failure) -> Diagnostic:
    """A colon where no key can be: in a text, or a line too deep, or after a line without one."""
    last = failure.last
    if last is None or not isinstance(last, yaml.ScalarToken | yaml.ScalarEvent):
        return text_after_value(failure)
    start = extent(last)[0]
    first_line = failure.source.line_at(start)
    head = failure.source.text[first_line.start : start]
    if first_line.start == failure.line.start:
        if not head.strip(" -"):
            return _colon_after_key(failure, start)
        is_quoted = failure.source.text[start] in "'\""
        return text_after_value(failure) if is_quoted else _unquoted_colon(failure, start)
    if KEY.match(head):
        return _too_deep_key(failure, first_line)
    return missing_colon(failure.source, start)


def _colon_after_key(failure: Failure, start: int) -> Diagnostic:
    if failure.at - start <= _LONGEST_KEY:
        return stray(failure)
    key = failure.span(start, failure.at)
    return rules.KEY_TOO_LONG.at(key, limit=f"{_LONGEST_KEY:,}", size=f"{failure.at - start:,}")


def _unquoted_colon(failure: Failure, start: int) -> Diagnostic:
    key = KEY.match(failure.source.text, failure.line.start)
    fix, hint = quote_rest(failure, start)
    return rules.UNQUOTED_COLON.at(
        failure.place,
        label="YAML reads this as the end of a key",
        key=key.group(1) if key else "this line",
        help=hint,
        fix=fix,
    )


def _too_deep_key(failure: Failure, above: Span) -> Diagnostic:
    key = failure.before.strip()
    label = Label(span=content(above), text="this line has its value already")
    return rules.WRONG_INDENTATION.at(
        content(failure.line, len(key)),
        labels=[label],
        help=[
            f"if `{key}` is a key, indent it by {spaces(indent(above.text))}, like the line above",
            "if it goes on with the text above, put that whole text in quotes",
        ],
    )


def no_colon(failure: Failure) -> Diagnostic:
    """A line that starts like a key and ends without a colon."""
    return missing_colon(failure.source, failure.opened)


def missing_colon(source: SourceFile, at: int) -> Diagnostic:
    """The diagnosis of the line at `at`, which ought to be `key: value`."""
    line = source.line_at(at)
    close = _KEY_WITHOUT_SPACE.match(line.text)
    if not close:
        text = content(line)
        return rules.MISSING_COLON.at(text, help=_colon_hint(text))
    end = line.start + close.end()
    key = close.group(1)
    return rules.MISSING_SPACE.at(
        source.span(line.start + close.start(1), end),
        key=key,
        help=f"write `{key}: {line.text[close.end() :].strip()}`",
        fix=Fix.sure(source.span(end), " "),
    )


def _colon_hint(line: Span) -> str:
    text = line.text
    equals = re.match(r"([\w.-]+)\s*=\s*(.+)", text)
    if equals:
        return f"write `{equals.group(1)}: {equals.group(2)}`"
    dash = re.match(r"-([^\s-].*)", text)
    if dash:
        return f"if it is a list item, write `- {dash.group(1)}`, with a space"
    if re.fullmatch(r"[\w.-]+", text):
        return f"write `{text}:` and its value"
    if not line.source.text[: line.start].strip():
        return "start with `version: 1`"
    return "if it goes on with the text above, put that whole text in quotes"


def block_end(failure: Failure) -> Diagnostic:
    """Something that does not belong to the mapping or list that it stands in."""
    if failure.before.strip(" -"):
        return text_after_value(failure)
    if failure.character == ":":
        hint = "write a key in front of it"
        return rules.STRAY_CHARACTER.at(failure.place, character="`:`", help=hint)
    levels = _levels_above(failure)
    beside = next((text for column, text in levels if column == len(failure.before)), None)
    rest = failure.source.text[failure.at : failure.line.end]
    if beside is None:
        return _wrong_indentation(failure, levels)
    if re.match(r"-(?: |$)", rest):
        label = f"`{beside}` on this level is a key"
        return rules.MISPLACED_LIST_ITEM.at(
            failure.place, label=label, help="put a key above the list"
        )
    if beside.startswith("-"):
        hint = "indent it further, or start the line with `- `"
        label = "the lines on this level are list items"
        return rules.WRONG_INDENTATION.at(content(failure.line), label=label, help=hint)
    return missing_colon(failure.source, failure.at)


def _wrong_indentation(failure: Failure, levels: list[tuple[int, str]]) -> Diagnostic:
    hints = [f"indent it by {spaces(column)}, as `{text}`" for column, text in levels]
    last = failure.last
    notes: list[str] = []
    if isinstance(last, yaml.ScalarEvent) and last.style in ("|", ">"):
        notes = ["a line that is indented less than a block's first line ends the block"]
        if not last.value.strip():
            hints = ["remove the spaces from the blank line above it"]
    return rules.WRONG_INDENTATION.at(content(failure.line), help=hints, notes=notes)


def _levels_above(failure: Failure) -> list[tuple[int, str]]:
    """Columns, and what stands there, that the failed line could stand under."""
    levels: list[tuple[int, str]] = []
    limit = 1 << 30
    lines = re.split(r"\r\n|\n|\r", failure.source.text[: failure.line.start])
    for text in reversed(lines):
        if limit == 0 or len(levels) == _MAX_LEVELS:
            break
        if not text.strip() or text.lstrip().startswith("#"):
            continue
        for column in reversed(_columns(text)):
            if column < limit:
                limit = column
                levels.append((column, _name(text[column:])))
    return levels


def _columns(text: str) -> list[int]:
    """Where a line starts, and where the content of its list items does."""
    columns = [indent(text)]
    while item := _ITEM.match(text, columns[-1]):
        columns.append(item.end())
    return columns


def _name(text: str) -> str:
    key = KEY.match(text)
    return f"{key.group(1)}:" if key and not text.startswith("-") else text[:20]


def list_item(failure: Failure) -> Diagnostic:
    """A list that starts on the line of its key."""
    hint = "start the list on the next line, or write [a, b]; put quotes around it if it is text"
    return rules.MISPLACED_LIST_ITEM.at(failure.place, help=hint)
