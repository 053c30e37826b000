"""The longer text behind a code or a field: what `spec explain` prints, as Markdown."""

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

from softprompt_compiler.catalogue import RULES

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

    from softprompt_compiler.spec.section import Section


class UnknownTopicError(LookupError):
    """Neither a rule's code or name nor a field of the spec. `known` holds all that would be."""

    def __init__(self, topic: str, known: list[str]) -> None:
        super().__init__(topic)
        self.topic = topic
        self.known = known

    @property
    def hint(self) -> str:
        """What another library calls so, or the topic most likely meant; "" if none is near."""
        from softprompt_compiler.foreign_keys import help_for
        from softprompt_compiler.suggest import nearest

        if foreign := help_for(self.topic):
            return foreign
        last = f".{self.topic.rpartition('.')[2]}"
        elsewhere = [name for name in self.known if name.endswith(last)]
        meant = nearest(self.topic, elsewhere) or next(iter(elsewhere), None)
        meant = meant or nearest(self.topic, self.known)
        return f"did you mean `{meant}`?" if meant else ""


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
    from softprompt_compiler.field_page import leaf_lines, named, rules_of
    from softprompt_compiler.spec.describe import field_shape, item_shape, section_of
    from softprompt_compiler.spec.spec import Spec

    section: type[Section] | None = Spec
    field: FieldInfo | None = None
    steps, names = iter(topic.split(".")), list[str]()
    for step in steps:
        field = section.model_fields.get(step) if section else None
        if field is None:
            raise UnknownTopicError(topic, _topics())
        names.append(step)
        shape = field_shape(field)
        items = item_shape(shape)
        section = section_of(shape) or (section_of(items) if items else None)
        if items and section and next(steps, None) is not None:
            names.append("NAME")
    assert field is not None
    lines = [f"# {topic}", "", field.description or "", ""]
    if section is None:
        lines += leaf_lines(topic, ".".join(names), field, field_shape(field))
    else:
        lines += _section_lines(section)
        if concerning := named(rules_of(".".join(names))):
            lines += ["", f"- rules: {concerning}"]
    return "\n".join(lines) + "\n"


def _section_lines(section: "type[Section]") -> Iterator[str]:
    for name, inner in section.model_fields.items():
        yield f"- `{name}`: {_first_sentence(inner.description or '')}"


def _first_sentence(text: str) -> str:
    return re.split(r"(?<!\.)\. ", text)[0].removesuffix(".") + "."


def _topics() -> list[str]:
    from softprompt_compiler.spec.walk import all_fields

    names = [rule.name for rule in RULES.values()]
    return [*RULES, *names, *all_fields()]
