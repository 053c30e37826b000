"""The tree that `parse` makes of a spec: plain values, each with its place in the source."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from softprompt_compiler.source import SourceFile, Span

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
Path: TypeAlias = tuple[str | int, ...]  # ("tasks", "squad", "virtual_token_splits", 0)


class ScalarStyle(StrEnum):
    """How a scalar is written."""

    PLAIN = "plain"
    SINGLE_QUOTED = "'"
    DOUBLE_QUOTED = '"'
    LITERAL = "|"
    FOLDED = ">"


@dataclass(frozen=True, kw_only=True)
class ScalarNode:
    """A string, number, boolean or null.

    span: with quotes, or from the `|` or `>` of a block. key_span: the key it stands under; its own
    span in a list. text: as a string, after unquoting and folding, whatever the type of `value`.
    """

    value: Scalar
    text: str
    style: ScalarStyle
    span: Span
    key_span: Span

    def span_at(self, start: int, end: int) -> Span:
        """The source span of the characters `start` to `end` (exclusive) of `text`.

        An empty range gives a span of width 0, or that of an escape's first character.
        """
        from softprompt_compiler.string_places import string_places

        source, base = self.span.source, self.span.start
        places = string_places(self.span.text, self.text, self.style.value)
        if places is None:  # written in a way whose folding we do not follow
            return self.span
        if start >= end:
            return source.span(base + places[min(start, len(self.text))][0])
        return source.span(base + places[start][0], base + places[end - 1][1])


@dataclass(frozen=True, kw_only=True)
class SequenceNode:
    """A list. span: from its first to its last character, brackets included."""

    items: "tuple[Node, ...]"
    span: Span
    key_span: Span


@dataclass(frozen=True, kw_only=True)
class MappingNode:
    """Keys and values in the order of the text; no key stands twice.

    A key is a ScalarNode whose `text` is the key.
    """

    entries: "tuple[tuple[ScalarNode, Node], ...]"
    span: Span
    key_span: Span

    def get(self, key: str) -> "Node | None":
        """The value of a key; None if the key is not there."""
        return next((value for name, value in self.entries if name.text == key), None)

    def key(self, key: str) -> ScalarNode | None:
        """The key itself, as written."""
        return next((name for name, _ in self.entries if name.text == key), None)

    def __iter__(self) -> Iterator[str]:
        return (name.text for name, _ in self.entries)


Node: TypeAlias = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True, kw_only=True)
class Tree:
    """A whole spec. `source` is the spec's file; nodes from a --set have spans in their own."""

    source: SourceFile
    root: MappingNode

    def find(self, path: Path) -> Node | None:
        """The node at a path; None if it is not there."""
        node: Node | None = self.root
        for step in path:
            node = _child(node, step)
            if node is None:
                return None
        return node

    def nearest(self, path: Path) -> Node:
        """The node at a path, or the deepest one above it that is there.

        The `key_span` of the result is where something missing at `path` is to be reported.
        """
        node: Node = self.root
        for step in path:
            child = _child(node, step)
            if child is None:
                break
            node = child
        return node


def plain(node: Node) -> Plain:
    """The node's value as Python's str, int, float, bool, None, list and dict."""
    match node:
        case ScalarNode():
            return node.value
        case SequenceNode():
            return [plain(item) for item in node.items]
        case MappingNode():
            return {key.text: plain(value) for key, value in node.entries}


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node, MappingNode) and isinstance(step, str):
        return node.get(step)
    if isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.items):
        return node.items[step]
    return None
