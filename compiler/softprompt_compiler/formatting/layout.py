"""Blocks -> text: two spaces a level, one space around values and comments, keys in order.

Scalars stay as they are written, quotes included. What is written in brackets stays so: on one line
if it was, or if it fits.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from softprompt_compiler.formatting.blocks import Block, Document, Entry, is_flow
from softprompt_compiler.formatting.key_order import ROOT, in_order, shape_of
from softprompt_compiler.spec.describe import Shape
from softprompt_compiler.tree import MappingNode, Node, ScalarNode, ScalarStyle, SequenceNode

_INDENT = 2
_WIDTH = 100  # that several lines in brackets may take as one
_HEADER = re.compile(r"([|>][-+]?([1-9])?[-+]?)[ \t]*(#.*)?\s*")  # of a block scalar


def lay_out(document: Document) -> str:
    """The document's text."""
    lines = [*_single(document.header), *_block(document.root, 0, ROOT)]
    return "".join(f"{line}\n" for line in _trimmed(lines))


def _trimmed(lines: list[str]) -> list[str]:
    start = next((at for at, line in enumerate(lines) if line), len(lines))
    return lines[start:]


def _single(lines: list[str]) -> list[str]:
    """The lines with no two blank ones in a row."""
    return [line for text, run in groupby(lines) for line in ([text] if not text else run)]


def _block(block: Block, indent: int, shape: Shape | None) -> Iterator[str]:
    pad = " " * indent
    entries = [(entry.key.text if entry.key else "", entry) for entry in block.entries]
    blank_may_come = False
    for entry in in_order(shape, entries):
        lead = _single(entry.lead) if blank_may_come else _trimmed(_single(entry.lead))
        yield from (pad + line if line else "" for line in lead)
        yield from _entry(entry, indent, shape)
        blank_may_come = entry.num_kept == 0
    tail = _single(block.tail) if blank_may_come else _trimmed(_single(block.tail))
    while tail and not tail[-1]:
        tail.pop()
    yield from (pad + line if line else "" for line in tail)


def _entry(entry: Entry, indent: int, shape: Shape | None) -> Iterator[str]:
    beside = f" {entry.beside}" if entry.beside else ""
    head = " " * indent + (f"{entry.key.span.text}:" if entry.key else "-")
    if entry.key:
        shape = shape_of(shape, entry.key.text)
    if isinstance(entry.value, Block):
        yield head + beside
        yield from _block(entry.value, indent + _INDENT, shape)
        return
    first, *rest = _whole(entry, entry.value, indent, shape) or [""]
    lines = [f"{head} {first}" if first else head, *rest]
    yield from lines[:-1]
    yield lines[-1] + beside
    yield from [""] * entry.num_kept


def _whole(entry: Entry, value: Node, indent: int, shape: Shape | None) -> list[str]:
    """The lines of a value that stands as a whole; only the first one has no indentation."""
    first, *rest = value.span.text.split("\n")
    if isinstance(value, ScalarNode):
        if value.style in (ScalarStyle.LITERAL, ScalarStyle.FOLDED):
            return [*_block_scalar(first, rest, entry.column, indent)]
        pad = " " * (indent + _INDENT)  # folding takes all white space around a line break
        return [first, *(pad + line.lstrip(" \t") if line.strip() else "" for line in rest)]
    flow = _flow(value, shape)
    key_width = len(entry.key.span.text) + 2 if entry.key else 2
    if flow is not None and (not rest or indent + key_width + len(flow) <= _WIDTH):
        return [flow]
    return [first, *(_moved(line, indent - entry.column) for line in rest)]


def _moved(line: str, by: int) -> str:
    text = line.lstrip(" ")
    return " " * max(0, len(line) - len(text) + by) + text if text else ""


def _block_scalar(first: str, lines: list[str], column: int, indent: int) -> Iterator[str]:
    """A block scalar, moved. column: of the key it stood under."""
    header = _HEADER.fullmatch(first)
    assert header is not None, "what the scanner takes"
    yield header.group(1) + (f" {header.group(3).rstrip()}" if header.group(3) else "")
    if header.group(2):
        old, new = column + int(header.group(2)), indent + int(header.group(2))
    else:
        filled = next((line for line in lines if line.strip(" ")), "")
        old, new = len(filled) - len(filled.lstrip(" ")), indent + _INDENT
    for line in lines:
        yield " " * new + line[old:] if line[old:] else ""


def _flow(node: Node, shape: Shape | None) -> str | None:
    """What stands in brackets, on one line; None if a comment, a break or no value is in it."""
    if isinstance(node, ScalarNode):
        text = node.span.text
        return text if text and "\n" not in text else None
    if not is_flow(node) or _has_comment(node):
        return None
    if isinstance(node, SequenceNode):
        items = [_flow(item, shape and shape_of(shape, "")) for item in node.items]
        return None if None in items else f"[{', '.join(filter(None, items))}]"
    pairs: list[tuple[str, str | None]] = []
    for key, value in node.entries:
        text = _flow(value, shape_of(shape, key.text))
        pairs.append((key.text, text and f"{key.span.text}: {text}"))
    texts = in_order(shape, pairs)
    return None if None in texts else f"{{{', '.join(filter(None, texts))}}}"


def _has_comment(node: MappingNode | SequenceNode) -> bool:
    text, at = node.span.source.text, node.span.start
    for leaf in _leaves(node):
        if "#" in text[at : leaf.span.start]:
            return True
        at = leaf.span.end
    return "#" in text[at : node.span.end]


def _leaves(node: Node) -> Iterator[ScalarNode]:
    """The scalars in the order of the text, keys among them."""
    match node:
        case ScalarNode():
            yield node
        case SequenceNode():
            for item in node.items:
                yield from _leaves(item)
        case MappingNode():
            for key, value in node.entries:
                yield key
                yield from _leaves(value)
