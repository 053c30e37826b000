"""What a field of the spec takes, in words: for messages and for the reference.

The words come from the types themselves, so that no message can contradict what is checked.
"""

import types
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from softprompt_compiler.spec.section import LARGEST_COUNT, Section


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A type without its wrappers, and the constraints that stood around it."""

    type: Any
    constraints: tuple[Any, ...]

    @property
    def choices(self) -> tuple[str, ...]:
        """The words of an enumeration; empty for another type."""
        if isinstance(self.type, type) and issubclass(self.type, StrEnum):
            return tuple(member.value for member in self.type)
        return ()


def field_shape(field: FieldInfo) -> Shape:
    """The shape of a section's field."""
    return _unwrap(field.annotation, field.metadata)


def members(shape: Shape) -> tuple[Shape, ...]:
    """The alternatives of a union; the shape itself if it is none."""
    if get_origin(shape.type) in (Union, types.UnionType):
        return tuple(_unwrap(member, ()) for member in get_args(shape.type))
    return (shape,)


def section_of(shape: Shape) -> type[Section] | None:
    """The section that a field holds, itself or as an alternative to null."""
    for member in members(shape):
        if isinstance(member.type, type) and issubclass(member.type, Section):
            return member.type
    return None


def item_shape(shape: Shape) -> Shape | None:
    """The shape of a list's items or a mapping's values; None for anything else."""
    for member in members(shape):
        if get_origin(member.type) is tuple:
            return _unwrap(get_args(member.type)[0], ())
        if get_origin(member.type) is dict:
            return _unwrap(get_args(member.type)[1], ())
    return None


def in_words(shape: Shape) -> str:
    """The values that a shape takes, such as `a whole number of at least 1, or null`."""
    alternatives = sorted(members(shape), key=lambda member: member.type is type(None))
    if len(alternatives) == 1:
        return _one_in_words(shape)
    *first, last = [_one_in_words(member) for member in alternatives]
    return ", ".join(first) + (", or " if len(first) > 1 or "," in first[0] else " or ") + last


def _unwrap(annotation: Any, constraints: Iterable[Any]) -> Shape:
    found: list[Any] = []
    while get_origin(annotation) is Annotated:
        annotation, *around = get_args(annotation)
        for item in around:
            found.extend(item.metadata if isinstance(item, FieldInfo) else [item])
    return Shape(type=annotation, constraints=(*constraints, *found))


def _one_in_words(shape: Shape) -> str:
    kind, origin = shape.type, get_origin(shape.type)
    if origin is tuple:
        return _list_in_words(get_args(kind))
    if origin is dict:
        return "a mapping of names to " + _plural(_unwrap(get_args(kind)[1], ()))
    if shape.choices:
        return "one of " + ", ".join(f"`{choice}`" for choice in shape.choices)
    if isinstance(kind, type) and issubclass(kind, Section):
        return "a mapping"
    if kind in (int, float):
        number = "a whole number" if kind is int else "a number"
        return (number + " " + _range_in_words(shape)).rstrip()
    return {str: "text", bool: "`true` or `false`", type(None): "null"}[kind]


def _list_in_words(items: tuple[Any, ...]) -> str:
    of = _plural(_unwrap(items[0], ()))
    return f"a list of {of}" if items[-1] is Ellipsis else f"a list of {len(items)} {of}"


def _plural(shape: Shape) -> str:
    if shape.choices:
        return "words out of " + ", ".join(f"`{choice}`" for choice in shape.choices)
    if shape.type in (int, float):
        number = "whole numbers" if shape.type is int else "numbers"
        return (number + " " + _range_in_words(shape)).rstrip()
    return "texts" if shape.type is str else "mappings"


def limit_unsaid(value: object, shape: Shape) -> tuple[str, ...]:
    """The limit that `in_words` leaves out, if it is the one that a number is beyond."""
    if isinstance(value, float) and not isfinite(value):
        return ("neither `.inf` nor `.nan` is a value here",)
    if isinstance(value, int) and value > LARGEST_COUNT and "at most" not in in_words(shape):
        return (f"the largest number here is {LARGEST_COUNT}",)
    return ()


def _range_in_words(shape: Shape) -> str:
    words: list[str] = []
    bounds = {
        name: getattr(constraint, name)
        for constraint in shape.constraints
        for name in ("ge", "gt", "le", "lt")
        if hasattr(constraint, name)
    }
    if bounds.get("ge") is not None and bounds.get("ge") == bounds.get("le"):
        return f"equal to {bounds['ge']}"
    if "gt" in bounds:
        words.append(f"above {bounds['gt']:g}")
    if "ge" in bounds:
        words.append(f"of at least {bounds['ge']:g}")
    if "lt" in bounds:
        words.append(f"below {bounds['lt']:g}")
    if "le" in bounds and bounds["le"] != LARGEST_COUNT:
        words.append(f"of at most {bounds['le']}")
    return " and ".join(words)
