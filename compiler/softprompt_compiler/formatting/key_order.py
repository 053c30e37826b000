"""The order of keys: that of the language's sections. Names that the author gave keep theirs."""

from collections.abc import Iterable
from typing import TypeVar

from softprompt_compiler.spec.describe import Shape, field_shape, item_shape, section_of
from softprompt_compiler.spec.spec import Spec

_T = TypeVar("_T")
ROOT = Shape(type=Spec, constraints=())


def shape_of(shape: Shape | None, key: str) -> Shape | None:
    """The shape of a key's value; None where the language knows none."""
    if shape is None:
        return None
    section = section_of(shape)
    if section is None:
        return item_shape(shape)
    field = section.model_fields.get(key)
    return field and field_shape(field)


def is_section(shape: Shape | None) -> bool:
    """Whether the order of keys means nothing, as in all sections; that of tasks does."""
    return shape is not None and section_of(shape) is not None


def in_order(shape: Shape | None, items: Iterable[tuple[str, _T]]) -> list[_T]:
    """Items by the order of their keys in a section; keys that it does not know come last."""
    section = section_of(shape) if shape else None
    if section is None:
        return [item for _, item in items]
    places = {name: at for at, name in enumerate(section.model_fields)}
    return [item for _, item in sorted(items, key=lambda pair: places.get(pair[0], len(places)))]
