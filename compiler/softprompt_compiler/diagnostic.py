"""What the compiler has to say, as data. Renderers print it; rules in `catalogue` make it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from softprompt_compiler.secrets import masked
from softprompt_compiler.source import Span


class Severity(StrEnum):
    """How much a diagnostic matters. Only an error stops the compiler."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"  # something that could not be checked, and the like


@dataclass(frozen=True, kw_only=True)
class Label:
    """A place that a diagnostic speaks of, as small as possible, and what is the matter there."""

    span: Span
    text: str = ""


class Confidence(StrEnum):
    """Whether a tool may apply a fix without asking."""

    SURE = "sure"
    GUESS = "guess"


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Replace the text of `span`. A span of width 0 inserts; an empty replacement deletes."""

    span: Span
    replacement: str


@dataclass(frozen=True, kw_only=True)
class Fix:
    """Edits that together cure one fault."""

    edits: tuple[Edit, ...]
    confidence: Confidence

    @staticmethod
    def sure(span: Span, replacement: str) -> "Fix":
        """One replacement that cannot change what the author meant."""
        edit = Edit(span=span, replacement=replacement)
        return Fix(edits=(edit,), confidence=Confidence.SURE)

    @staticmethod
    def guess(span: Span, replacement: str) -> "Fix":
        """One replacement that the author has to confirm."""
        edit = Edit(span=span, replacement=replacement)
        return Fix(edits=(edit,), confidence=Confidence.GUESS)


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """One finding.

    primary: where the fault is. secondary: other places that take part in it, in any source.
    notes: background. help: what to type. fix: the same as edits, where a tool could do it.
    """

    code: str
    name: str
    severity: Severity
    message: str
    primary: Label
    secondary: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: tuple[str, ...] = ()
    fix: Fix | None = None

    @property
    def shown_fix(self) -> Fix | None:
        """The fix, unless it would repeat a secret of the spec."""
        if self.fix and any(
            masked(each.replacement) != each.replacement for each in self.fix.edits
        ):
            return None
        return self.fix

    @property
    def span(self) -> Span:
        """Where the fault is."""
        return self.primary.span

    @property
    def sort_key(self) -> tuple[object, ...]:
        """Source order, whatever the order of the checks."""
        return (*self.span.sort_key, self.code, self.message)


def in_source_order(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """The diagnostics sorted by place, each only once."""
    return sorted(dict.fromkeys(diagnostics), key=lambda diagnostic: diagnostic.sort_key)


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Whether any of them stops the compiler."""
    return any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
