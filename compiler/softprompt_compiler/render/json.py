"""For tools: one JSON object, close to what `terraform validate -json` prints.

docs/diagnostics.md describes it. Lines and columns start at 1 and count characters; `byte` starts
at 0 and counts the bytes of the UTF-8 text.
"""

import json
from collections.abc import Iterator, Sequence
from textwrap import indent
from typing import Any

from softprompt_compiler.diagnostic import Diagnostic, Fix, Severity
from softprompt_compiler.ignoring import Ignored
from softprompt_compiler.render.data_json import data_object
from softprompt_compiler.render.report import Report
from softprompt_compiler.secrets import masked
from softprompt_compiler.source import SourceFile, Span

FORMAT_VERSION = "1.2"  # 1.x only adds keys; 1.1 added `data`, 1.2 `strict` and `ignored`


def render(reports: Sequence[Report], *, strict: bool = False) -> Iterator[str]:
    """The reports as one JSON object, in ASCII, ending in a newline; piece by piece.

    strict: whether warnings fail. Every fault of every row is in it, so the whole may be larger
    than memory.
    """
    errors = sum(report.count(Severity.ERROR) for report in reports)
    value = {
        "format_version": FORMAT_VERSION,
        "valid": not any(report.fails(strict=strict) for report in reports),
        "strict": strict,
        "error_count": errors,
        "warning_count": sum(report.count(Severity.WARNING) for report in reports),
        "data": [
            {"spec": report.spec, **data_object(report.data)}
            for report in reports
            if report.data is not None
        ],
        "ignored": [_ignored(report.spec, each) for report in reports for each in report.ignored],
    }
    yield json.dumps(value, indent=2).removesuffix("\n}") + ',\n  "diagnostics": ['
    between, end = "\n", "]"
    for report in reports:
        for each in report.every_diagnostic():
            text = json.dumps({"spec": report.spec, **_diagnostic(each)}, indent=2)
            yield between + indent(text, "    ")
            between, end = ",\n", "\n  ]"
    yield end + "\n}\n"


def _ignored(spec: str, ignored: Ignored) -> dict[str, Any]:
    found = ignored.diagnostic
    return {
        "spec": spec,
        "severity": found.severity.value,
        "code": found.code,
        "name": found.name,
        "summary": found.message,
        "range": _range(found.span),
        "reason": ignored.reason,
    }


def _diagnostic(diagnostic: Diagnostic) -> dict[str, Any]:
    return {
        "severity": diagnostic.severity.value,
        "code": diagnostic.code,
        "name": diagnostic.name,
        "summary": diagnostic.message,
        "detail": diagnostic.primary.text,
        "range": _range(diagnostic.span),
        "snippet": _snippet(diagnostic.span),
        "labels": [
            {"range": _range(label.span), "text": label.text} for label in diagnostic.secondary
        ],
        "notes": list(diagnostic.notes),
        "help": list(diagnostic.help),
        "fixes": [_fix(diagnostic.shown_fix)] if diagnostic.shown_fix else [],
    }


def _range(span: Span) -> dict[str, Any]:
    return {
        "filename": span.source.name,
        "start": _position(span.source, span.start),
        "end": _position(span.source, span.end),
    }


def _position(source: SourceFile, offset: int) -> dict[str, int | None]:
    # An excerpt does not know how many bytes of its file lie before it.
    is_whole = source.first_line == 1
    byte = len(source.text[:offset].encode(errors="surrogatepass")) if is_whole else None
    return {"line": source.line_number(offset), "column": source.column(offset), "byte": byte}


def _snippet(span: Span) -> dict[str, Any] | None:
    if not span.source.text:
        return None
    line = span.source.line_at(span.start)
    return {
        "code": masked(line.text),
        "start_line": span.line,
        "highlight_start_offset": span.start - line.start,
        "highlight_end_offset": min(span.end, line.end) - line.start,
    }


def _fix(fix: Fix) -> dict[str, Any]:
    return {
        "confidence": fix.confidence.value,
        "edits": [
            {"range": _range(edit.span), "replacement": edit.replacement} for edit in fix.edits
        ],
    }
