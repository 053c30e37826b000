"""For GitLab: a Code Quality report, the part of Code Climate's format that GitLab reads."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from softprompt_compiler.diagnostic import Diagnostic, Severity
from softprompt_compiler.render.artifact import file_of, line_of, repository_path
from softprompt_compiler.render.fingerprint import with_fingerprints
from softprompt_compiler.render.in_words import message_lines
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceKind

# Of info, minor, major, critical and blocker.
_SEVERITIES = {Severity.ERROR: "critical", Severity.WARNING: "minor", Severity.NOTE: "info"}


def render(reports: Iterable[Report], folder: Path) -> str:
    """A JSON array with an object a finding, in ASCII, ending in a newline.

    folder: that the command runs in, the repository's root as GitLab has it.
    """
    found = [
        _issue(report, diagnostic, fingerprint, folder)
        for report, diagnostic, fingerprint in with_fingerprints(reports, folder)
    ]
    return json.dumps(found, indent=2) + "\n"


def _issue(report: Report, diagnostic: Diagnostic, fingerprint: str, folder: Path) -> Any:
    span = diagnostic.span
    begin = line_of(diagnostic)
    is_setting = span.source.kind is SourceKind.SETTING
    return {
        "type": "issue",
        "check_name": f"{diagnostic.code} {diagnostic.name}",
        "description": "\n".join(message_lines(diagnostic)),
        "categories": ["Bug Risk"],
        "severity": _SEVERITIES[diagnostic.severity],
        "fingerprint": fingerprint,
        "location": {
            "path": repository_path(file_of(report, span.source), folder),
            "lines": {"begin": begin, "end": begin if is_setting else span.end_line},
        },
    }
