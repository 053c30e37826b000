"""A prompt template by itself: braces, names of fields, markers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.check.places import template_label
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.source import Span
from softprompt_plan.template import FaultKind, Template

_WIDEST = 40  # characters of a template that a message repeats


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """A fault of a task's template, and where the spec has it."""

    resolved: ResolvedSpec
    task: str
    template: Template
    kind: FaultKind
    start: int
    end: int
    field: str

    @property
    def span(self) -> Span:
        return self.label(self.start, self.end).span

    @property
    def text(self) -> str:
        found = self.template.text[self.start : self.end]
        return found if len(found) <= _WIDEST else found[:_WIDEST] + "..."

    def label(self, start: int, end: int, text: str = "") -> Label:
        return template_label(self.resolved, self.task, start, end, text)


def check_template_text(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0120 to SP0126, with columns inside the spec's string."""
    template = resolved.template(task)
    for found in template.faults:
        fault = _Fault(
            resolved=resolved,
            task=task,
            template=template,
            kind=found.kind,
            start=found.start,
            end=found.end,
            field=found.field or "",
        )
        yield _TELL[fault.kind](fault)


def _unclosed(fault: _Fault) -> Diagnostic:
    hint = "close it with `}`; a brace that is text is written `{{`"
    return rules.UNCLOSED_FIELD.at(fault.span, help=hint)


def _stray_brace(fault: _Fault) -> Diagnostic:
    return rules.STRAY_BRACE.at(fault.span, help="a brace that is text is written `}}`")


def _field_name(fault: _Fault) -> Diagnostic:
    trimmed = fault.field.strip()
    if fault.kind is FaultKind.FIELD_NAME_SPACES and trimmed:
        hint, fix = f"write `{{{trimmed}}}`", Fix.sure(fault.span, f"{{{trimmed}}}")
    else:
        hint, fix = "if the braces are text, write `{{` and `}}`", None
    found = f"`{fault.text[1:-1]}`" if trimmed else "white space" if fault.field else "nothing"
    return rules.FIELD_NAME.at(fault.span, found=found, help=hint, fix=fix)


def _marker_form(fault: _Fault) -> Diagnostic:
    hint = "a marker is written `<|VIRTUAL_PROMPT_0|>`, with its number"
    return rules.MARKER_FORM.at(fault.span, found=fault.text, help=hint)


def _no_marker(fault: _Fault) -> Diagnostic:
    hint = "write `<|VIRTUAL_PROMPT_0|>` where they go, most often at the start"
    return rules.NO_MARKER.at(fault.span, help=hint)


def _marker_repeated(fault: _Fault) -> Diagnostic:
    markers = fault.template.markers
    again = next(marker for marker in markers if marker.start == fault.start)
    first = next(marker for marker in markers if marker.number == again.number)
    return rules.MARKER_REPEATED.at(
        fault.span,
        label="again here",
        labels=[fault.label(first.start, first.end, "first here")],
        number=again.number,
        help="give each place a number of its own",
    )


def _marker_number(fault: _Fault) -> Diagnostic:
    numbers = {marker.number for marker in fault.template.markers}
    missing = sorted(set(range(len(numbers))) - numbers)
    last = len(numbers) - 1
    return rules.MARKER_NUMBER.at(
        fault.span,
        missing=" and ".join(map(str, missing)),
        help=f"number the template's markers 0 to {last}" if last else "number it 0",
    )


_TELL: dict[FaultKind, Callable[[_Fault], Diagnostic]] = {
    FaultKind.UNCLOSED_FIELD: _unclosed,
    FaultKind.SINGLE_BRACE: _stray_brace,
    FaultKind.EMPTY_FIELD_NAME: _field_name,
    FaultKind.FIELD_NAME_SPACES: _field_name,
    FaultKind.FIELD_NAME_ODD: _field_name,
    FaultKind.MARKER_MALFORMED: _marker_form,
    FaultKind.NO_MARKER: _no_marker,
    FaultKind.MARKER_REPEATED: _marker_repeated,
    FaultKind.MARKER_OUT_OF_RANGE: _marker_number,
}
