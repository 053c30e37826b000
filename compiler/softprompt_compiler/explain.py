"""The longer text behind a code or a field: what `spec explain` prints, as Markdown."""

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from softprompt_compiler.catalogue import RULES

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from softprompt_compiler.spec.section import Section


class UnknownTopicError(LookupError):
    """Neither a rule's code or name nor a field of the spec. `known` holds all that would be."""

    def __init__(self, topic: str, known: list[str]) -> None:
        super().__init__(topic)
        self.known = known


def explain(topic: str) -> str:
    """The page of a code (`SP0101`), a rule's name, or a field (`training.max_epochs`).

    Raises UnknownTopicError.
    """
    for rule in RULES.values():
        if topic.upper() == rule.code or topic.lower() == rule.name:
            return rule_page(rule.code)
    return field_page(topic)


def rule_page(code: str) -> str:
    """The page of a rule in the catalogue."""
    return files("softprompt_compiler").joinpath(f"explanations/{code}.md").read_text("utf-8")


def field_page(topic: str) -> str:
    """The page of a field or section, from the types themselves.

    A task may be called NAME or by any name. Raises UnknownTopicError.
    """
    from softprompt_compiler.spec.describe import field_shape, in_words, item_shape, section_of
    from softprompt_compiler.spec.spec import Spec

    section: type[Section] | None = Spec
    field: FieldInfo | None = None
    steps = iter(topic.split("."))
    for step in steps:
        field = section.model_fields.get(step) if section else None
        if field is None:
            raise UnknownTopicError(topic, _topics())
        shape = field_shape(field)
        items = item_shape(shape)
        section = section_of(shape) or (section_of(items) if items else None)
        if items and section:
            next(steps, None)  # a task's name
    assert field is not None
    takes = None if section else in_words(field_shape(field))
    return "\n".join(_field_lines(topic, field, section, takes)) + "\n"


def _field_lines(
    topic: str, field: "FieldInfo", section: "type[Section] | None", takes: str | None
) -> Iterator[str]:
    yield f"# {topic}"
    yield ""
    yield field.description or ""
    if takes:
        yield ""
        yield f"- takes: {takes}"
        yield f"- default: {_default(field)}"
        for example in field.examples or ():
            yield f"- example: `{_yaml(example)}`"
    if section:
        yield ""
        for name, inner in section.model_fields.items():
            yield f"- `{name}`: {_first_sentence(inner.description or '')}"


def _default(field: "FieldInfo") -> str:
    if field.is_required():
        return "none, it must be given"
    return f"`{_yaml(field.get_default(call_default_factory=True))}`"


def _yaml(value: Any) -> str:
    """A value as YAML's flow style, which JSON is a part of."""
    text = json.dumps(value, ensure_ascii=False)
    return text[1:-1] if isinstance(value, str) and text[1:-1].isidentifier() else text


def _first_sentence(text: str) -> str:
    return text.split(". ")[0].removesuffix(".") + "."


def _topics() -> list[str]:
    from softprompt_compiler.spec.walk import all_fields

    names = [rule.name for rule in RULES.values()]
    return [*RULES, *names, *all_fields()]
