"""What pydantic found, at paths that the spec's author knows, each fault once."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from softprompt_compiler.spec.walk import field_path
from softprompt_compiler.tree import MappingNode, Node, Path, SequenceNode, Tree


class FindingKind(StrEnum):
    """What is wrong with a key or a value."""

    UNKNOWN_KEY = "unknown_key"
    UNUSABLE_KEY = "unusable_key"
    MISSING_KEY = "missing_key"
    RANGE = "range"
    CHOICE = "choice"
    EMPTY = "empty"
    NAME = "name"
    TYPE = "type"
    NULL_WORD = "null_word"


_KEY = "[key]"  # pydantic's last step for a mapping's key
_KINDS = {
    "extra_forbidden": FindingKind.UNKNOWN_KEY,
    "missing": FindingKind.MISSING_KEY,
    "enum": FindingKind.CHOICE,
    "greater_than": FindingKind.RANGE,
    "greater_than_equal": FindingKind.RANGE,
    "less_than": FindingKind.RANGE,
    "less_than_equal": FindingKind.RANGE,
    "finite_number": FindingKind.RANGE,
    "string_too_short": FindingKind.EMPTY,
    "too_short": FindingKind.EMPTY,
    "string_pattern_mismatch": FindingKind.NAME,
    "string_too_long": FindingKind.NAME,
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One fault. `path` leads to the key or value that is wrong, or to the key that is missing."""

    kind: FindingKind
    path: Path
    in_union: bool  # the union's other alternatives have findings of their own

    @property
    def is_of_key(self) -> bool:
        """Whether the value under the key may be sound."""
        return self.kind is FindingKind.UNUSABLE_KEY


def readable(error: ValidationError, tree: Tree) -> list[Finding]:
    """The findings that say something of their own, in pydantic's order."""
    found = [_finding(each, tree) for each in error.errors(include_url=False, include_input=False)]
    kept: dict[tuple[Path, FindingKind], Finding] = {}
    for _, same_field in groupby(found, key=lambda finding: field_path(finding.path)):
        for finding in _of_the_nearest_alternative(list(same_field)):
            kept.setdefault((finding.path, finding.kind), finding)
    return list(kept.values())


def _finding(error: Any, tree: Tree) -> Finding:
    loc: tuple[str | int, ...] = error["loc"]
    kind = _KINDS.get(error["type"], FindingKind.TYPE)
    if loc[-1] == _KEY:
        kind, loc = FindingKind.UNUSABLE_KEY, loc[:-1]
    elif kind is FindingKind.MISSING_KEY and isinstance(loc[-1], int):
        kind, loc = FindingKind.TYPE, loc[:-1]  # too few items in a list of fixed length
    path = _without_tags(loc, tree)
    return Finding(kind=kind, path=path, in_union=len(path) < len(loc))


def _without_tags(loc: tuple[str | int, ...], tree: Tree) -> Path:
    """`loc` without the names of union members, which stand where no key or item can."""
    node: Node | None = tree.root
    path: list[str | int] = []
    for step in loc:
        if isinstance(node, MappingNode) and isinstance(step, str):
            node = node.get(step)
        elif isinstance(node, SequenceNode) and isinstance(step, int):
            node = node.items[step]
        else:
            continue
        path.append(step)
    return tuple(path)


def _of_the_nearest_alternative(findings: list[Finding]) -> list[Finding]:
    """Of a union's findings, those of the alternative that the author most likely meant."""
    if not any(finding.in_union for finding in findings):
        return findings
    deepest = max(len(finding.path) for finding in findings)
    deep = [finding for finding in findings if len(finding.path) == deepest]
    return [finding for finding in deep if finding.kind is not FindingKind.TYPE] or deep
