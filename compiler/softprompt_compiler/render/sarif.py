"""SARIF 2.1.0 (OASIS, 2020): what code scanning of GitHub and others, and editors, read."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from softprompt_compiler import __version__
from softprompt_compiler.catalogue import RULES
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label, Severity
from softprompt_compiler.explain import rule_page
from softprompt_compiler.ignoring import Ignored
from softprompt_compiler.render.artifact import file_of, uri
from softprompt_compiler.render.fingerprint import with_fingerprints
from softprompt_compiler.render.in_words import message_lines
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceKind, Span

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_FINGERPRINT = "softprompt/v1"  # another number where it is taken over other things
_PROBLEM = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "recommendation"}


def render(reports: Sequence[Report], folder: Path) -> str:
    """One run with the findings of all specs, in ASCII, ending in a newline.

    folder: that the command runs in; files inside it get URIs relative to it. Findings that a
    comment silences are there too, as suppressed. Of a fault that many rows have, a few are told.
    """
    with_ignored = [_with_ignored(report) for report in reports]
    found = list(with_fingerprints(with_ignored, folder))
    codes = sorted({diagnostic.code for _, diagnostic, _ in found})
    reasons = {each.diagnostic: each for report in reports for each in report.ignored}
    results = [
        _result(_Places(report=report, folder=folder), diagnostic, codes.index(diagnostic.code))
        | {"partialFingerprints": {_FINGERPRINT: fingerprint}}
        | _suppression(reasons.get(diagnostic))
        for report, diagnostic, fingerprint in found
    ]
    driver = {
        "name": "softprompt",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(code) for code in codes],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "newlineSequences": ["\r\n", "\n", "\r"],
        "results": results,
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _with_ignored(report: Report) -> Report:
    ignored = [each.diagnostic for each in report.ignored]
    return Report.of(report.spec, [*report.diagnostics, *ignored])


def _rule(code: str) -> dict[str, Any]:
    rule, page = RULES[code], rule_page(code)
    _, first, *_ = page.split("\n\n")
    why = page.partition("## Why\n")[2].partition("\n## ")[0].strip()
    return {
        "id": rule.code,
        "name": rule.name,
        "shortDescription": {"text": first},
        "fullDescription": {"text": why.replace("\n", " ")},
        "help": {"text": page, "markdown": page},
        "defaultConfiguration": {"level": rule.severity.value},
        "properties": {"problem.severity": _PROBLEM[rule.severity], "tags": ["correctness"]},
    }


@final
@dataclass(frozen=True, kw_only=True)
class _Places:
    """Places of one spec's findings, as SARIF has them. folder: that URIs are relative to."""

    report: Report
    folder: Path

    def artifact(self, span: Span) -> dict[str, str]:
        """The file of a span."""
        return {"uri": uri(file_of(self.report, span.source), self.folder)}

    def physical(self, span: Span) -> dict[str, Any]:
        """The file, and the region of it that is meant, if it has a text."""
        place: dict[str, Any] = {"artifactLocation": self.artifact(span)}
        if span.source.text and span.source.kind is not SourceKind.SETTING:
            place["region"] = region(span)
        return place


def region(span: Span) -> dict[str, int]:
    """From the first character to the place after the last one; lines and columns from 1."""
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _result(places: _Places, diagnostic: Diagnostic, index: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": index,
        "level": diagnostic.severity.value,
        "message": {"text": "\n".join(message_lines(diagnostic))},
        "locations": [_location(places, diagnostic.primary)],
    }
    if diagnostic.secondary:
        result["relatedLocations"] = [
            {"id": number, **_location(places, label)}
            for number, label in enumerate(diagnostic.secondary, start=1)
        ]
    if (fix := diagnostic.shown_fix) and not _is_of_setting(fix):
        result["fixes"] = [_fix(places, diagnostic, fix)]
    return result


def _location(places: _Places, label: Label) -> dict[str, Any]:
    message = {"message": {"text": label.text}} if label.text else {}
    return {"physicalLocation": places.physical(label.span), **message}


def _is_of_setting(fix: Fix) -> bool:
    return any(edit.span.source.kind is SourceKind.SETTING for edit in fix.edits)


def _fix(places: _Places, diagnostic: Diagnostic, fix: Fix) -> dict[str, Any]:
    return {
        "description": {"text": "\n".join(diagnostic.help) or diagnostic.message},
        "artifactChanges": list(_changes(places, fix)),
        "properties": {"confidence": fix.confidence.value},
    }


def _changes(places: _Places, fix: Fix) -> Iterator[dict[str, Any]]:
    for source in dict.fromkeys(edit.span.source for edit in fix.edits):
        edits = [edit for edit in fix.edits if edit.span.source is source]
        yield {
            "artifactLocation": places.artifact(edits[0].span),
            "replacements": [
                {"deletedRegion": region(edit.span), "insertedContent": {"text": edit.replacement}}
                for edit in edits
            ],
        }


def _suppression(ignored: Ignored | None) -> dict[str, Any]:
    """The comment that silences a finding; an empty list elsewhere, for it was looked for."""
    if ignored is None:
        return {"suppressions": []}
    reason = {"justification": ignored.reason} if ignored.reason else {}
    return {"suppressions": [{"kind": "inSource", "status": "accepted", **reason}]}
