"""PyYAML's exception -> the diagnostic, by a table over its words."""

import re
from collections.abc import Callable
from typing import Any

import yaml
from yaml.scanner import ScannerError

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.source import SourceFile
from softprompt_compiler.syntax import lines, values
from softprompt_compiler.syntax.failure import Failure

_CONTENT = re.compile(r"^(?![ \t]*(?:#|---|\.\.\.|$))[ \t]*\S", re.MULTILINE)
_DOCUMENT_MARK = re.compile(r"^(?:---|\.\.\.)", re.MULTILINE)


def diagnose(
    source: SourceFile, error: Exception, loader: yaml.SafeLoader, event: yaml.Event | None
) -> Diagnostic:
    """The diagnostic of an exception that PyYAML raised over `source`.

    event: the last one it gave before.
    """
    failure, context = _failure(source, error, loader, event)
    for words, diagnosis in _DIAGNOSES:
        if words in failure.problem or words in context:
            return diagnosis(failure)
    return values.unforeseen(failure)


def _failure(
    source: SourceFile, error: Exception, loader: yaml.SafeLoader, event: yaml.Event | None
) -> tuple[Failure, str]:
    tokens: list[Any] = getattr(loader, "tokens", [])
    marks: list[Any] = getattr(loader, "marks", [])
    flow = bool(getattr(loader, "flow_level", 0))
    # A scanner fails at a token's end, a parser at its start: what was before is not the same.
    last = tokens[-1] if tokens and isinstance(error, ScannerError) else event
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        at = loader.get_mark().index
        raw = Failure(source=source, problem=str(error), at=at, opened=-1, flow=flow, last=last)
        return raw, _UNGUARDED
    mark = error.context_mark
    failure = Failure(
        source=source,
        problem=error.problem or "",
        at=error.problem_mark.index,
        opened=mark.index if mark else -1,
        flow=flow,
        last=last,
        innermost=marks[-1].index if marks else -1,
    )
    return failure, error.context or ""


def _unguarded(failure: Failure) -> Diagnostic:
    """PyYAML hands the digits after `\\U` to chr(), and those of `%YAML` to int(), as they are."""
    start = failure.at - 2
    if failure.source.text[max(start, 0) : failure.at] == "\\U":
        span = failure.span(start, start + 10)
        hint = "the last character of Unicode is \\U0010FFFF"
        return rules.UNUSABLE_CHARACTER.at(span, escape=span.text, help=hint)
    return _directive(failure)


def _directive(failure: Failure) -> Diagnostic:
    start = failure.line.start
    return rules.DIRECTIVE.at(failure.span(start, start + 1), help="remove the line")


def _document_start(failure: Failure) -> Diagnostic:
    text = failure.source.text
    percent = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    if text[percent : percent + 1] == "%":
        span = failure.span(percent, percent + 1)
        return rules.DIRECTIVE.at(span, help="remove the line")
    closing = text[: failure.at].rstrip()[-1:]
    if closing in ("]", "}", "'", '"'):  # the whole spec in brackets, or one quoted text
        rest = failure.span(failure.at, failure.line.end)
        return rules.TEXT_AFTER_VALUE.at(rest, closing=closing, help="remove it")
    content = _CONTENT.search(text)
    if content and not _DOCUMENT_MARK.search(text, content.end(), failure.at):
        return lines.missing_colon(failure.source, content.start())
    return rules.SEVERAL_DOCUMENTS.at(failure.place, help="put each spec into a file of its own")


_UNGUARDED = "an exception that is not PyYAML's"
# What PyYAML's problem or context says, most telling first.
_DIAGNOSES: tuple[tuple[str, Callable[[Failure], Diagnostic]], ...] = (
    (_UNGUARDED, _unguarded),
    ("directive", _directive),
    ("version 1.*", _directive),
    ("duplicate tag handle", _directive),
    ("expected '<document start>'", _document_start),
    ("undefined tag handle", values.reserved),
    ("a tag", values.reserved),
    ("mapping values are not allowed", lines.colon),
    ("could not find expected ':'", lines.no_colon),
    ("that cannot start any token", values.bad_start),
    ("expected <block end>", lines.block_end),
    ("expected ',' or", values.flow_end),
    ("unknown escape", values.escape),
    ("escape sequence of", values.escape),
    ("scanning a quoted scalar", values.open_quote),
    ("a block scalar", values.reserved),
    ("an alias", values.reserved),
    ("an anchor", values.reserved),
    ("sequence entries are not allowed", lines.list_item),
    ("mapping keys are not allowed", values.stray),
    ("expected the node content", values.stray),
)
