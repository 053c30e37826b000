"""Diagnostics of fields in conflict: every field that takes part gets a label."""

from typing import Any

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tree import ScalarNode


def stated(resolved: ResolvedSpec, value: object, *path: str | int) -> Label:
    """A field's value as a label; where the spec leaves it out, at the key it would stand under."""
    by = "" if resolved.is_given(*path) else " by default"
    return Label(span=resolved.place(*path), text=f"`{path[-1]}` is {value}{by}")


def conflict(rule: Rule, *labels: Label, **values: Any) -> Diagnostic:
    """The rule's diagnostic at the first label that is in the spec, the others beside it."""
    by_span = {label.span: label for label in labels}
    for span in by_span:  # two defaults of one section share a place
        texts = [label.text for label in labels if label.span == span]
        by_span[span] = Label(span=span, text=", ".join(dict.fromkeys(texts)))
    first, *others = by_span.values()
    return rule.at(first.span, label=first.text, labels=others, **values)


def key_label(resolved: ResolvedSpec, text: str, *path: str | int) -> Label:
    """The key of a field as a label."""
    return Label(span=resolved.tree.nearest(path).key_span, text=text)


def template_label(
    resolved: ResolvedSpec, task: str, start: int, end: int, text: str = ""
) -> Label:
    """Characters of a task's template as a label, placed inside the spec's own string."""
    node = resolved.tree.find(("tasks", task, "prompt_template"))
    assert isinstance(node, ScalarNode), "a template that bound is text"
    return Label(span=node.span_at(start, end), text=text)


def counted(number: int, thing: str) -> str:
    """`1 marker`, `2 markers`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
