"""The page of a field: what it takes, what it is if left out, how it is written, and its rules."""

import json
from collections.abc import Iterator
from enum import StrEnum
from importlib.resources import files
from typing import Any

from pydantic.fields import FieldInfo

from softprompt_compiler.catalogue import RULES
from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.spec.describe import Shape, in_words, item_shape, members
from softprompt_compiler.spec.meanings import meaning
from softprompt_compiler.spec.section import Section

RULES_OF_FIELDS = "explanations/fields.json"  # dotted field -> codes, as the rules' pages show them
_BOUNDS = ("ge", "gt", "le", "lt")


def leaf_lines(path: str, name: str, field: FieldInfo, shape: Shape) -> Iterator[str]:
    """Of a field that holds a value. path: as asked for. name: with NAME for a task's name."""
    yield f"- takes: {in_words(shape)}"
    yield f"- default: {_default(field)}"
    if concerning := named(rules_of(name)):
        yield f"- rules: {concerning}"
    yield f"- rules of its type: {named(_rules_of_type(field, shape))}"
    if words := list(words_of(shape)):
        yield ""
        yield from (f"- `{word}`: {meaning(word)}" for word in words)
    for example in examples(field):
        yield ""
        yield "```yaml"
        yield from _written(path.split("."), example)
        yield "```"


def rules_of(name: str) -> list[Rule]:
    """The rules that speak of a field. name: with NAME for a task's name."""
    text = files("softprompt_compiler").joinpath(RULES_OF_FIELDS).read_text("utf-8")
    return [RULES[code] for code in json.loads(text).get(name, []) if code in RULES]


def examples(field: FieldInfo) -> list[Any]:
    """Values of a field that can be written; its default where none was thought of."""
    if field.examples:
        return list(field.examples)
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    return [] if default is None or isinstance(default, Section) else [default]


def named(found: list[Rule]) -> str:
    """The rules in one line."""
    return ", ".join(f"{rule.code} {rule.name}" for rule in found)


def _rules_of_type(field: FieldInfo, shape: Shape) -> list[Rule]:
    kinds = members(shape)
    constraints = [each for kind in (shape, *kinds) for each in kind.constraints]
    types = {kind.type for kind in kinds}
    is_number = bool(types & {int, float})
    applies = {
        rules.MISSING_FIELD: field.is_required(),
        rules.WRONG_TYPE: True,
        rules.OUT_OF_RANGE: is_number and any(_has(each, _BOUNDS) for each in constraints),
        rules.UNKNOWN_CHOICE: bool(list(words_of(shape))),
        rules.EMPTY_VALUE: any(_has(each, ("min_length",)) for each in constraints),
        rules.REPEATED_ITEM: item_shape(shape) is not None and dict not in types,
    }
    return [rule for rule, holds in applies.items() if holds]


def _has(constraint: object, names: tuple[str, ...]) -> bool:
    return any(getattr(constraint, name, None) is not None for name in names)


def words_of(shape: Shape) -> Iterator[StrEnum]:
    """The words that a field, or an item of its list, takes."""
    for kind in (*members(shape), item_shape(shape)):
        if kind is not None and kind.choices:
            yield from kind.type


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none, it must be given"
    return f"`{in_yaml(field.get_default(call_default_factory=True))}`"


def _written(steps: list[str], value: Any) -> Iterator[str]:
    """The value where it stands in a spec."""
    *above, last = steps
    for depth, step in enumerate(above):
        yield f"{'  ' * depth}{step}:"
    yield f"{'  ' * len(above)}{last}: {in_yaml(value)}"


def in_yaml(value: Any) -> str:
    """A value as YAML's flow style, which JSON is a part of."""
    text = json.dumps(value, ensure_ascii=False)
    return text[1:-1] if isinstance(value, str) and text[1:-1].isidentifier() else text
