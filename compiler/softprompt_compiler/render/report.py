"""What a renderer gets."""

from collections.abc import Iterable
from dataclasses import dataclass

from softprompt_compiler.diagnostic import Diagnostic, Severity, in_source_order


@dataclass(frozen=True, kw_only=True)
class Report:
    """All that was found in one spec, in source order. spec: the name it was given by."""

    spec: str
    diagnostics: tuple[Diagnostic, ...]

    @staticmethod
    def of(spec: str, diagnostics: Iterable[Diagnostic]) -> "Report":
        """The report of diagnostics in any order."""
        return Report(spec=spec, diagnostics=tuple(in_source_order(diagnostics)))

    def count(self, severity: Severity) -> int:
        """How many diagnostics are of this severity."""
        return sum(diagnostic.severity is severity for diagnostic in self.diagnostics)

    @property
    def closing_line(self) -> str:
        """`3 errors, 1 warning in specs/squad.yaml`; empty if nothing was found."""
        counts = [(self.count(severity), severity.value) for severity in Severity]
        words = [f"{number} {word}{'s' * (number > 1)}" for number, word in counts if number]
        return f"{', '.join(words)} in {self.spec}" if words else ""
