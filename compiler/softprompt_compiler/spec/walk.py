"""Paths of a spec followed through the types."""

from collections.abc import Iterator

from softprompt_compiler.spec.describe import Shape, field_shape, item_shape, section_of
from softprompt_compiler.spec.section import Section
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Path

_ROOT = Shape(type=Spec, constraints=())


def all_fields(section: type[Section] = Spec, prefix: str = "") -> Iterator[str]:
    """Every field of the language in dotted form; `NAME` stands for a task's name."""
    for name, field in section.model_fields.items():
        yield prefix + name
        shape = field_shape(field)
        items = item_shape(shape)
        if inner := section_of(shape):
            yield from all_fields(inner, f"{prefix}{name}.")
        elif items and (each := section_of(items)):
            yield from all_fields(each, f"{prefix}{name}.NAME.")


def shape_at(path: Path) -> Shape:
    """The shape of the value at a path that the types know."""
    shape = _ROOT
    for step in path:
        section = section_of(shape)
        if section:
            shape = field_shape(section.model_fields[str(step)])
        else:
            shape = item_shape(shape) or shape
    return shape


def section_at(path: Path) -> type[Section]:
    """The section at a path that leads to one."""
    section = section_of(shape_at(path))
    assert section is not None, path
    return section


def field_path(path: Path) -> Path:
    """The path of the field that a path leads to or into."""
    shape = _ROOT
    for at, step in enumerate(path):
        section, items = section_of(shape), item_shape(shape)
        if section and step in section.model_fields:
            shape = field_shape(section.model_fields[str(step)])
        elif section:
            return path
        elif items and section_of(items):
            shape = items
        else:
            return path[:at]
    return path
