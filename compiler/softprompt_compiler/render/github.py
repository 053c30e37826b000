"""For GitHub Actions: workflow commands, which the checks page shows beside the changed lines."""

from collections.abc import Iterable, Mapping

from softprompt_compiler.diagnostic import Diagnostic, Severity
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.in_words import message_lines
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceKind

_COMMANDS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.NOTE: "notice",
}


def render(reports: Iterable[Report]) -> str:
    """One command a diagnostic, each on its line; "" if nothing was found."""
    return "".join(_command(found) + "\n" for report in reports for found in report.diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    span = diagnostic.span
    properties: dict[str, object] = {}
    if span.source.kind is not SourceKind.SETTING:  # no file that GitHub could show
        properties |= {"file": span.source.name, "line": span.line, "endLine": span.end_line}
        if span.line == span.end_line:  # GitHub takes columns only within a line
            properties |= {"col": span.column, "endColumn": span.end_column}
    properties["title"] = f"{diagnostic.code} {diagnostic.name}"
    return workflow_command(
        _COMMANDS[diagnostic.severity], properties, "\n".join(map(safe, message_lines(diagnostic)))
    )


def workflow_command(kind: str, properties: Mapping[str, object], message: str) -> str:
    """One command. kind: error, warning or notice."""
    listed = ",".join(f"{name}={_property(str(value))}" for name, value in properties.items())
    return f"::{kind} {listed}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return safe(_data(text).replace(":", "%3A").replace(",", "%2C"))
