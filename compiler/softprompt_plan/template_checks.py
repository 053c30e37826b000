"""Faults of a template that only show beside the task it belongs to."""

import re
from collections.abc import Iterator, Sequence

from softprompt_plan.template import FaultKind, Field, Template, TemplateFault, Text, VirtualMarker

# What the encoder refuses: the row would be read wrongly, or could not be cut or counted.
_FATAL = frozenset(FaultKind) - {
    FaultKind.NO_MARKER,
    FaultKind.EMPTY_FIELD_NAME,
    FaultKind.FIELD_NAME_SPACES,
    FaultKind.FIELD_NAME_ODD,
    FaultKind.SPACE_BEFORE_ANSWER,
    FaultKind.MARKER_AFTER_ANSWER,
}


class TemplateError(ValueError):
    """A template that no row can be encoded with. `faults` says why."""

    def __init__(self, faults: Sequence[TemplateFault]) -> None:
        super().__init__("; ".join(fault.detail for fault in faults))
        self.faults = tuple(faults)


def check_template(
    template: Template,
    *,
    virtual_token_splits: Sequence[int] | None,
    answer_field: str | None,
    answer_only_loss: bool,
    truncate_fields: Sequence[str],
) -> list[TemplateFault]:
    """What is wrong with a template in its task, beyond the template's own faults.

    virtual_token_splits: None where the task does not say them.
    """
    faults = [*_split_faults(template, virtual_token_splits)]
    if answer_field is None:
        if answer_only_loss:
            detail = "answer_only_loss needs an answer_field"
            faults.append(_fault(FaultKind.ANSWER_FIELD_UNSET, template, detail))
    elif answer_field not in template.fields:
        detail = f"the answer field {{{answer_field}}} is not in the template"
        faults.append(_fault(FaultKind.ANSWER_UNKNOWN, template, detail, answer_field))
    else:
        faults.extend(_answer_faults(template, answer_field, answer_only_loss))
    faults.extend(_truncate_faults(template, answer_field, truncate_fields))
    return faults


def fatal_faults(faults: Sequence[TemplateFault]) -> list[TemplateFault]:
    """The faults with which no row can be encoded; the others are for people."""
    return [fault for fault in faults if fault.kind in _FATAL]


def _split_faults(template: Template, splits: Sequence[int] | None) -> Iterator[TemplateFault]:
    markers = template.markers
    numbers = {marker.number for marker in markers}
    if splits is None or numbers != set(range(len(markers))):
        return
    for number in range(len(markers), len(splits)):
        detail = f"split {number} of virtual_token_splits has no marker <|VIRTUAL_PROMPT_{number}|>"
        yield _fault(FaultKind.MARKER_MISSING, template, detail)
    for marker in markers:
        if marker.number >= len(splits):
            detail = f"virtual_token_splits has no split for marker {marker.number}"
            yield _fault_at(FaultKind.SPLIT_MISSING, marker, detail)


def _answer_faults(
    template: Template, answer_field: str, answer_only_loss: bool
) -> Iterator[TemplateFault]:
    """Generation stops the prompt before the answer; what stands there decides how it goes on."""
    answers = [
        (at, segment)
        for at, segment in enumerate(template.segments)
        if isinstance(segment, Field) and segment.name == answer_field
    ]
    first, answer = answers[0]
    for _, again in answers[1:]:
        detail = f"{{{answer_field}}} stands in the template twice, so the prompt shows the answer"
        yield _fault_at(FaultKind.ANSWER_REPEATED, again, detail, answer_field)
    after = template.segments[first + 1 :]
    if after and answer_only_loss and len(answers) == 1:
        detail = f"with answer_only_loss the template must end in {{{answer_field}}}"
        yield TemplateFault(
            kind=FaultKind.ANSWER_NOT_LAST,
            start=after[0].start,
            end=after[-1].end,
            detail=detail,
            field=answer_field,
        )
    for marker in after:
        if isinstance(marker, VirtualMarker):
            detail = (
                f"this marker follows {{{answer_field}}}, so no prompt holds its virtual tokens"
            )
            yield _fault_at(FaultKind.MARKER_AFTER_ANSWER, marker, detail, answer_field)
    before = template.segments[first - 1] if first else None
    if isinstance(before, Text):
        yield from _space_faults(before, answer, template)


def _space_faults(before: Text, answer: Field, template: Template) -> Iterator[TemplateFault]:
    """One space or one line break before the answer is common; more are read as rare tokens."""
    found = re.search(r"\s+$", before.text)
    if found is None or found.group() in (" ", "\n"):
        return
    written = re.search(r"\s+$", template.text[: answer.start])
    detail = (
        f"the text before {{{answer.name}}} ends in {found.group()!r}, which most tokenizers read "
        "in another way once the answer follows; end it in a word or a sign, with at most one "
        "space or one line break"
    )
    yield TemplateFault(
        kind=FaultKind.SPACE_BEFORE_ANSWER,
        start=written.start() if written else before.start,
        end=answer.start,
        detail=detail,
        field=answer.name,
    )


def _truncate_faults(
    template: Template, answer_field: str | None, truncate_fields: Sequence[str]
) -> Iterator[TemplateFault]:
    for name in truncate_fields:
        if name == answer_field:
            kind = FaultKind.TRUNCATE_FIELD_IS_ANSWER
            detail = f"the answer field {{{name}}} cannot be a truncate_field: answers stay whole"
        elif name not in template.fields:
            kind = FaultKind.TRUNCATE_FIELD_UNKNOWN
            detail = f"the truncate_field {{{name}}} is not in the template"
        else:
            continue
        yield _fault(kind, template, detail, name)


def _fault(
    kind: FaultKind, template: Template, detail: str, field: str | None = None
) -> TemplateFault:
    """A fault of the template as a whole."""
    return TemplateFault(kind=kind, start=0, end=len(template.text), detail=detail, field=field)


def _fault_at(
    kind: FaultKind, segment: Field | VirtualMarker, detail: str, field: str | None = None
) -> TemplateFault:
    return TemplateFault(
        kind=kind, start=segment.start, end=segment.end, detail=detail, field=field
    )
