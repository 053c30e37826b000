"""The answer field in the template, and the fields that may lose tokens."""

from collections.abc import Iterator, Sequence

from softprompt_compiler.catalogue import cross as rules
from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.check.places import conflict, key_label, stated, template_label
from softprompt_compiler.defaults import answer_only_loss, names
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.source import Span
from softprompt_compiler.suggest import nearest
from softprompt_compiler.tree import SequenceNode
from softprompt_plan.template import FaultKind, Template, TemplateFault, VirtualMarker
from softprompt_plan.template_checks import check_template


def check_answer(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0210 to SP0215: where the answer stands."""
    section, template = resolved.spec.tasks[task], resolved.template(task)
    field, only_answer = section.answer_field, answer_only_loss(section)
    faults = check_template(
        template,
        virtual_token_splits=None,
        answer_field=field,
        answer_only_loss=only_answer,
        truncate_fields=(),
    )
    for fault in faults:
        yield from _answer_fault(resolved, task, template, fault)


def _answer_fault(
    resolved: ResolvedSpec, task: str, template: Template, fault: TemplateFault
) -> Iterator[Diagnostic]:
    field, path = fault.field or "", ("tasks", task, "answer_field")
    place = template_label(resolved, task, fault.start, fault.end).span
    named = stated(resolved, f"`{field}`", *path)
    match fault.kind:
        case FaultKind.ANSWER_FIELD_UNSET:
            hint = "name the field, or leave `answer_only_loss` out"
            at = resolved.place("tasks", task, "answer_only_loss")
            yield rules.ANSWER_FIELD_UNSET.at(at, help=hint)
        case FaultKind.ANSWER_UNKNOWN:
            span = resolved.place(*path)
            holder = _template_of(resolved, task)
            yield _unknown_field(rules.ANSWER_FIELD_UNKNOWN, span, field, template.fields, holder)
        case FaultKind.ANSWER_REPEATED:
            at = Label(span=place, text="again here")
            hint = "let the template end in the answer, and nowhere else show it"
            yield conflict(rules.ANSWER_REPEATED, at, named, field=field, help=hint)
        case FaultKind.ANSWER_NOT_LAST:
            at = Label(span=place, text="after the answer")
            yield conflict(
                rules.ANSWER_NOT_LAST,
                at,
                named,
                field=field,
                notes="with `answer_only_loss` the row ends in the answer and EOS",
                help="move the answer to the end, or set `answer_only_loss: false`",
            )
        case FaultKind.MARKER_AFTER_ANSWER:
            yield rules.MARKER_AFTER_ANSWER.at(
                place,
                labels=[named],
                number=_marker_at(template, fault.start),
                help="move it before the answer",
            )
        case FaultKind.SPACE_BEFORE_ANSWER:
            found = repr(template.text[fault.start : fault.end])
            hint = "end it in a word or a sign, with at most one space or one line break"
            yield rules.SPACE_BEFORE_ANSWER.at(
                place, labels=[named], field=field, found=found, help=hint
            )
        case _:
            pass


def _marker_at(template: Template, start: int) -> int:
    return next(
        segment.number
        for segment in template.segments
        if isinstance(segment, VirtualMarker) and segment.start == start
    )


def check_truncate_field(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0220 and SP0221: what may lose tokens is a field of the template, and not the answer."""
    section, template = resolved.spec.tasks[task], resolved.template(task)
    path = ("tasks", task, "truncate_field")
    is_list = isinstance(resolved.tree.find(path), SequenceNode)
    for at, field in enumerate(names(section.truncate_field)):
        span = resolved.place(*path, at) if is_list else resolved.place(*path)
        if field == section.answer_field:
            label = stated(resolved, f"`{field}`", "tasks", task, "answer_field")
            hint = "name a field that is long and can lose its end, such as a context"
            yield rules.TRUNCATE_FIELD_IS_ANSWER.at(span, labels=[label], field=field, help=hint)
        elif field not in template.fields:
            choices = [name for name in template.fields if name != section.answer_field]
            holder = _template_of(resolved, task)
            yield _unknown_field(rules.TRUNCATE_FIELD_UNKNOWN, span, field, choices, holder)


def check_renamed_fields(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0222: `fields` gives columns to fields of the template."""
    template = resolved.template(task)
    for field in resolved.spec.tasks[task].data.fields:
        if field not in template.fields:
            label = key_label(resolved, "", "tasks", task, "data", "fields", field)
            holder, known = _template_of(resolved, task), template.fields
            yield _unknown_field(rules.RENAMED_FIELD_UNKNOWN, label.span, field, known, holder)


def _template_of(resolved: ResolvedSpec, task: str) -> Label:
    return key_label(resolved, "this template", "tasks", task, "prompt_template")


def _unknown_field(
    rule: Rule, span: Span, field: str, known: Sequence[str], template: Label
) -> Diagnostic:
    meant = nearest(field, known)
    there = ", ".join(f"`{name}`" for name in known)
    return rule.at(
        span,
        labels=[template],
        field=field,
        help=f"did you mean `{meant}`?" if meant else f"it has {there or 'no other field'}",
        fix=Fix.guess(span, meant) if meant else None,
    )


def check_metrics(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """SP0216, SP0217 and SP0292: metrics compare completions of test rows with answers."""
    section, span = resolved.spec.tasks[task], resolved.place("tasks", task, "metrics")
    if section.data.test is not None and section.answer_field is None and not section.metrics:
        yield rules.TEST_WITHOUT_ANSWER_FIELD.at(
            key_label(resolved, "", "tasks", task, "data", "test").span,
            notes="completions are written after the whole template, and nothing is scored",
            help="name the field that the model is to write, which the template ends in",
        )
    if not section.metrics:
        return
    if section.answer_field is None:
        hint = "name the template's `answer_field`"
        yield rules.METRIC_WITHOUT_ANSWER.at(span, help=hint)
    if section.data.test is None:
        data = key_label(resolved, "there is no `test` in it", "tasks", task, "data")
        hint = "name test rows: `data: {test: ...}`"
        yield rules.METRIC_WITHOUT_TEST.at(span, labels=[data], help=hint)
