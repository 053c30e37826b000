"""What a renderer gets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from softprompt_compiler.diagnostic import Diagnostic, Severity, in_source_order
from softprompt_compiler.source import SourceKind

if TYPE_CHECKING:
    from softprompt_compiler.data_report import DataReport
    from softprompt_compiler.ignoring import Ignored


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was found in one spec, in source order. spec: the name it was given by.

    Of a fault that many rows have, `diagnostics` has a few. data: what the rows are like, if they
    were read. ignored: what comments of the spec silence.
    """

    spec: str
    diagnostics: tuple[Diagnostic, ...]
    ignored: "tuple[Ignored, ...]" = ()
    data: "DataReport | None" = None

    @staticmethod
    def of(
        spec: str,
        diagnostics: Iterable[Diagnostic],
        data: "DataReport | None" = None,
        ignored: "Iterable[Ignored]" = (),
    ) -> "Report":
        """The report of diagnostics in any order."""
        ordered = tuple(in_source_order(diagnostics))
        return Report(spec=spec, diagnostics=ordered, ignored=tuple(ignored), data=data)

    def every_diagnostic(self) -> Iterator[Diagnostic]:
        """With those of all rows. They may be more than memory holds, so take one at a time."""
        if self.data is None:
            yield from self.diagnostics
            return
        for diagnostic in self.diagnostics:
            if diagnostic.span.source.kind is not SourceKind.DATA:
                yield diagnostic
        yield from self.data.findings.every()

    def count(self, severity: Severity) -> int:
        """How many diagnostics are of this severity, with those of all rows."""
        listed = sum(diagnostic.severity is severity for diagnostic in self.diagnostics)
        return listed + (self.data.num_unlisted(severity) if self.data else 0)

    def fails(self, *, strict: bool) -> bool:
        """Whether something was found that the command fails for. strict: warnings count too."""
        return self.count(Severity.ERROR) > 0 or (strict and self.count(Severity.WARNING) > 0)

    @property
    def closing_line(self) -> str:
        """`3 errors, 1 warning in specs/squad.yaml`; empty if nothing was found."""
        counts = [(self.count(severity), severity.value) for severity in Severity]
        words = [f"{number:,} {word}{'s' * (number > 1)}" for number, word in counts if number]
        return f"{', '.join(words)} in {self.spec}" if words else ""
