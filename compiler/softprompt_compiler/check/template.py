"""A prompt template by itself: braces, names of fields, markers."""

from collections.abc import Callable, Iterator

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.check.places import template_label
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.template import FaultKind, Template, TemplateFault

_WIDEST_NAME = 40


def check_template_text(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0120 to SP0126, with columns inside the spec's string."""
    template = resolved.template(task)
    for fault in template.faults:
        tell = _TELL.get(fault.kind)
        if tell is not None:
            place = template_label(resolved, task, fault.start, fault.end)
            yield tell(fault, template, place)


def _unclosed(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    del fault, template
    hint = "close it with `}`; a brace that is text is written `{{`"
    return rules.UNCLOSED_FIELD.at(place.span, help=hint)


def _stray_brace(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    del fault, template
    hint = "a brace that is text is written `}}`"
    return rules.STRAY_BRACE.at(place.span, help=hint)


def _field_name(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    del template
    name = fault.field or ""
    trimmed = name.strip()
    if fault.kind is FaultKind.FIELD_NAME_SPACES and trimmed:
        hint, fix = f"write `{{{trimmed}}}`", Fix.sure(place.span, f"{{{trimmed}}}")
    else:
        hint, fix = "if the braces are text, write `{{` and `}}`", None
    shown = name if len(name) <= _WIDEST_NAME else name[:_WIDEST_NAME] + "..."
    found = f"`{shown}`" if trimmed else "nothing but spaces" if name else "nothing"
    return rules.FIELD_NAME.at(place.span, found=found, help=hint, fix=fix)


def _marker_form(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    found = template.text[fault.start : fault.end][:_WIDEST_NAME]
    hint = "a marker is written `<|VIRTUAL_PROMPT_0|>`, with its number"
    return rules.MARKER_FORM.at(place.span, found=found, help=hint)


def _no_marker(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    del fault, template
    hint = "write `<|VIRTUAL_PROMPT_0|>` where they go, most often at the start"
    return rules.NO_MARKER.at(place.span, help=hint)


def _marker_repeated(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    first, number = next(
        (marker, again.number)
        for again in template.markers
        for marker in template.markers
        if again.start == fault.start and marker.number == again.number
    )
    hint = f"give each place a number of its own; the first is at character {first.start + 1}"
    return rules.MARKER_REPEATED.at(place.span, number=number, help=hint)


def _marker_number(fault: TemplateFault, template: Template, place: Label) -> Diagnostic:
    del fault
    numbers = {marker.number for marker in template.markers}
    missing = sorted(set(range(len(numbers))) - numbers)
    return rules.MARKER_NUMBER.at(
        place.span,
        missing=" and ".join(map(str, missing)),
        help=f"the template has {len(numbers)} of them: number them 0 to {len(numbers) - 1}",
    )


_TELL: dict[FaultKind, Callable[[TemplateFault, Template, Label], Diagnostic]] = {
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
