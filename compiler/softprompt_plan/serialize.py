"""Plan <-> canonical JSON, and digests. A plan's JSON is the same bytes on every machine."""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from softprompt_plan.plan import PLAN_FORMAT, Plan


class PlanFormatError(ValueError):
    """A plan.json that this version cannot read: another format number, or edited by hand."""


def to_json(plan: Plan) -> str:
    """Indented JSON in field order, ending in a newline. `from_json` gives the equal plan back."""
    return json.dumps(dataclasses.asdict(plan), indent=2, ensure_ascii=False) + "\n"


def from_json(text: str) -> Plan:
    """The plan of `to_json`. Raises PlanFormatError naming the first field that is wrong."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise PlanFormatError(f"not JSON: {error}") from None
    if not isinstance(value, dict) or value.get("format") != PLAN_FORMAT:
        found = value.get("format") if isinstance(value, dict) else None
        raise PlanFormatError(f"plan format {found!r}; this version reads format {PLAN_FORMAT}")
    return _build(Plan, value, "plan")


def digest(plan: Plan) -> str:
    """sha256 of the canonical JSON: the identity of a run."""
    return hashlib.sha256(to_json(plan).encode()).hexdigest()


def result_digest(plan: Plan) -> str:
    """sha256 of all but the machine: what is trained bears no trace of how processes lie."""
    values = dataclasses.asdict(plan)
    for section in ("parallelism", "launch"):
        del values[section]
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).hexdigest()


def digest_of(chunks: Iterable[bytes]) -> str:
    """sha256 over the chunks."""
    sha = hashlib.sha256()
    for chunk in chunks:
        sha.update(chunk)
    return sha.hexdigest()


def _build(kind: Any, value: Any, where: str) -> Any:
    """`value` (parsed JSON) as `kind`, checked down to the leaves."""
    origin = typing.get_origin(kind)
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    if origin is tuple:
        return _build_tuple(typing.get_args(kind), value, where)
    if origin in (types.UnionType, typing.Union):
        return _build_union(typing.get_args(kind), value, where)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        if value not in [member.value for member in kind]:
            raise PlanFormatError(f"{where}: {value!r} is no {kind.__name__}")
        return kind(value)
    if type(value) is int and kind is float:
        return float(value)
    if type(value) is not kind:
        raise PlanFormatError(f"{where}: expected {kind.__name__}, found {value!r}")
    return value


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    hints = typing.get_type_hints(kind)
    if not isinstance(value, dict) or set(value) != set(hints):
        keys = sorted(set(value) ^ set(hints)) if isinstance(value, dict) else value
        raise PlanFormatError(f"{where}: missing or unknown fields: {keys}")
    items = hints.items()
    return kind(**{name: _build(hint, value[name], f"{where}.{name}") for name, hint in items})


def _build_tuple(args: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise PlanFormatError(f"{where}: expected a list, found {value!r}")
    kinds = [args[0]] * len(value) if args[-1] is Ellipsis else list(args)
    if len(kinds) != len(value):
        raise PlanFormatError(f"{where}: expected {len(kinds)} values, found {len(value)}")
    pairs = enumerate(zip(kinds, value, strict=True))
    return tuple(_build(kind, item, f"{where}[{at}]") for at, (kind, item) in pairs)


def _build_union(args: tuple[Any, ...], value: Any, where: str) -> Any:
    """`X | None`, and `int | float`, where JSON itself tells the two apart."""
    if value is None and type(None) in args:
        return None
    kinds = [kind for kind in args if kind is not type(None)]
    if type(value) in kinds:
        return value
    return _build(kinds[0], value, where)
