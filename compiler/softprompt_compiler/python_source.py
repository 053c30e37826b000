"""Values as Python source. Text enters source through `repr` only."""

import dataclasses
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, cast

_WIDTH = 96
_INDENT = "    "


def python_source(value: Any, depth: int = 0, room: int = _WIDTH) -> str:
    """An expression that gives `value` back: plan classes, enumerations, tuples and scalars.

    depth: indentation of its first line in steps of four. room: columns left on that line.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return _call(value, depth)
    if isinstance(value, StrEnum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, tuple):
        return _tuple(cast("tuple[Any, ...]", value), depth, room)
    if isinstance(value, str):
        return _text(value, depth, room)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise TypeError(f"no plan holds a {type(value).__name__}")


def classes_in(value: Any) -> Iterator[type]:
    """The classes whose names `python_source` of `value` uses."""
    if isinstance(value, StrEnum):
        yield type(value)
    elif isinstance(value, tuple):
        for item in cast("tuple[Any, ...]", value):
            yield from classes_in(item)
    elif dataclasses.is_dataclass(value):
        yield cast("type", type(value))
        for field in dataclasses.fields(value):
            yield from classes_in(getattr(value, field.name))


def _call(value: Any, depth: int) -> str:
    inside, lines = _INDENT * (depth + 1), [f"{type(value).__name__}("]
    for field in dataclasses.fields(value):
        held = getattr(value, field.name)
        room = _WIDTH - len(inside) - len(field.name) - 2
        if dataclasses.is_dataclass(held):
            lines.append(f"{inside}# {(type(held).__doc__ or '').splitlines()[0]}")
        lines.append(f"{inside}{field.name}={python_source(held, depth + 1, room)},")
    return "\n".join([*lines, _INDENT * depth + ")"])


def _tuple(items: tuple[Any, ...], depth: int, room: int) -> str:
    sources = [python_source(item, depth + 1) for item in items]
    one_line = ", ".join(sources) + ("," if len(items) == 1 else "")
    if len(one_line) + 2 <= room and "\n" not in one_line:
        return f"({one_line})"
    return _block([source + "," for source in sources], depth)


def _text(text: str, depth: int, room: int) -> str:
    """One literal, or several that Python joins, broken where the text has lines or spaces."""
    if len(repr(text)) <= room:
        return repr(text)
    pieces = [
        repr(piece)
        for line in text.splitlines(keepends=True)
        for piece in _pieces(line, _WIDTH - len(_INDENT) * (depth + 1))
    ]
    return pieces[0] if len(pieces) == 1 else _block(pieces, depth)


def _pieces(line: str, room: int) -> Iterator[str]:
    """`line` cut after spaces, so that each piece's literal fits into `room` where it can."""
    start = 0
    while len(repr(line[start:])) > room:
        end = line.rfind(" ", start, start + room - 2) + 1
        while end > start and len(repr(line[start:end])) > room:  # escapes take more columns
            end = line.rfind(" ", start, end - 1) + 1
        if end <= start:
            break
        yield line[start:end]
        start = end
    yield line[start:]


def _block(lines: Sequence[str], depth: int) -> str:
    inside = _INDENT * (depth + 1)
    return "\n".join(["(", *(inside + line for line in lines), _INDENT * depth + ")"])
