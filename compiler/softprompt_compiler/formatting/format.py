"""Source text -> the same spec in one layout, or the reason why it is left as it is."""

import re
from typing import Any

from softprompt_compiler.diagnostic import has_errors
from softprompt_compiler.formatting.blocks import (
    Block,
    Document,
    UnsureError,
    read_blocks,
)
from softprompt_compiler.formatting.key_order import ROOT, is_section, shape_of
from softprompt_compiler.formatting.layout import lay_out
from softprompt_compiler.parse import parse
from softprompt_compiler.source import SourceFile
from softprompt_compiler.spec.describe import Shape
from softprompt_compiler.tree import MappingNode, Node, ScalarNode, SequenceNode, Tree

_LINE_BREAK = re.compile(r"\r\n?")


def format_spec(source: SourceFile, tree: Tree) -> str:
    """The text of a sound spec in the one layout. tree: what `parse` made of the source.

    Values, quotes and comments stay; formatting the result changes nothing. Raises UnsureError
    where the text is written in a way that would have to be guessed about.
    """
    before, text = _read(source.name, _LINE_BREAK.sub("\n", source.text))
    after, _ = _read(source.name, text)
    # What was read again must be what was there: a fault of ours costs the layout, not the spec.
    if _values(after.root, ROOT) != _values(tree.root, ROOT):
        raise UnsureError("it would be read otherwise", 1)
    if _comments(before.document) != _comments(after.document):
        raise UnsureError("a comment would be lost", 1)
    return text


class _Read:
    """A text as it was read."""

    def __init__(self, root: MappingNode, document: Document) -> None:
        self.root = root
        self.document = document


def _read(name: str, text: str) -> tuple[_Read, str]:
    """What a text holds, and its layout."""
    source = SourceFile(name=name, text=text)
    parsed = parse(source)
    if parsed.tree is None or has_errors(parsed.diagnostics):
        raise UnsureError("it would be read otherwise", 1)
    document = read_blocks(source, parsed.tree.root)
    return _Read(parsed.tree.root, document), lay_out(document)


def _values(node: Node, shape: Shape | None) -> Any:
    """All that a tree says: values with their types, texts and quotes, and the order of tasks."""
    match node:
        case ScalarNode():
            return (repr(node.value), node.text, node.style)
        case SequenceNode():
            return [_values(item, shape_of(shape, "")) for item in node.items]
        case MappingNode():
            pairs = [
                (key.text, key.style, _values(value, shape_of(shape, key.text)))
                for key, value in node.entries
            ]
            return {pair[0]: pair for pair in pairs} if is_section(shape) else pairs


def _comments(document: Document) -> list[str]:
    return sorted(line for line in [*document.header, *_comments_of(document.root)] if line)


def _comments_of(block: Block) -> list[str]:
    found = list(block.tail)
    for entry in block.entries:
        found += [*entry.lead, entry.beside]
        if isinstance(entry.value, Block):
            found += _comments_of(entry.value)
    return found
