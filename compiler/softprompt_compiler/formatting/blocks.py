"""The block structure of a spec's text, with the comments and blank lines that the tree leaves out.

An own-line comment belongs to the key below it. One that is indented further than that key, such
as an option that is commented out, belongs to the end of the block above, by its indentation.
"""

import re
from dataclasses import dataclass, field

from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import MappingNode, Node, ScalarNode, ScalarStyle, SequenceNode

_COLON = re.compile(r"[ \t]*:")
_REST_OF_LINE = re.compile(r"[ \t]*(#[^\n]*)?(?=\n|\Z)")
_OWN_LINE = re.compile(r"([ \t]*)(#.*|)")
_DASH = re.compile(r"[ ]*-[ \t]+")
_MODELINE = re.compile(r"# yaml-language-server:.*")
_MARKER = "---"


class UnsureError(Exception):
    """Text that the formatter would have to guess about. Lines start at 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(kw_only=True)
class Entry:
    """A key or a list item. key: None of an item. value: a Block, or a node that stands as a whole.

    lead: the lines above it, comments and "". beside: the comment on its line. num_kept: blank
    lines below it that are part of its value. column: where it began.
    """

    key: ScalarNode | None
    value: "Block | Node"
    lead: list[str]
    column: int
    beside: str = ""
    num_kept: int = 0


@dataclass(kw_only=True)
class Block:
    """A block mapping or a block list. tail: the comments at its end. column: where it began."""

    column: int
    entries: list[Entry] = field(default_factory=list[Entry])
    tail: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, kw_only=True)
class Document:
    """A whole spec. header: the lines at the top that belong to no key."""

    header: list[str]
    root: Block


def read_blocks(source: SourceFile, root: MappingNode) -> Document:
    """The document of a text whose line breaks are all `\\n`, and which is sound YAML.

    Raises UnsureError.
    """
    return _Reader(source).document(root)


def is_flow(node: Node) -> bool:
    """Whether a mapping or list is written in brackets."""
    return node.span.text[:1] in ("{", "[")


class _Reader:
    """Goes through the text once, from line to line."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._text = source.text
        self._lines = source.text.split("\n")
        self._next = 0  # the first line that no entry has taken
        self._closed: list[Block] = []  # that ended since the last entry, the innermost first

    def document(self, root: MappingNode) -> Document:
        if is_flow(root):
            raise UnsureError("the whole spec is in braces", 1)
        block = self._block(root)
        left = self._gap(len(self._lines), -1)
        block.tail += left
        first = block.entries[0]
        at = _end_of_header(first.lead)
        header, first.lead = first.lead[:at], first.lead[at:]
        return Document(header=header, root=block)

    def _block(self, node: MappingNode | SequenceNode) -> Block:
        block = Block(column=node.span.column - 1)
        if isinstance(node, MappingNode):
            for key, value in node.entries:
                block.entries.append(self._key(key, value, block.column))
        else:
            for item in node.items:
                block.entries.append(self._item(item, block.column))
        self._closed.append(block)
        return block

    def _key(self, key: ScalarNode, value: Node, column: int) -> Entry:
        line = key.span.line - 1
        colon = _COLON.match(self._text, key.span.end)
        if colon is None or self._lines[line][: key.span.column - 1].strip(" "):
            raise UnsureError("a key that is not the first of its line", line + 1)
        entry = Entry(key=key, value=value, lead=self._gap(line, column), column=column)
        self._next = line + 1
        if isinstance(value, ScalarNode) or is_flow(value):
            self._take_whole(entry, value, colon.end())
        else:
            self._take_comment(entry, colon.end())
            entry.value = self._block(value)
        return entry

    def _item(self, item: Node, column: int) -> Entry:
        line = item.span.line - 1
        head = self._lines[line][: item.span.column - 1]
        is_whole = isinstance(item, ScalarNode) or is_flow(item)
        if not is_whole or not item.span.text or not _DASH.fullmatch(head):
            raise UnsureError("a list item that is no single value", line + 1)
        entry = Entry(key=None, value=item, lead=self._gap(line, column), column=column)
        self._next = line + 1
        self._take_whole(entry, item, item.span.start)
        return entry

    def _take_whole(self, entry: Entry, value: Node, start: int) -> None:
        """A value that stands as a whole, with what is beside it. start: where its key ended."""
        if not value.span.text:
            self._take_comment(entry, start)
            return
        between = self._text[start : value.span.start]
        if "\n" in between:
            self._take_comment(entry, start)
            if between.partition("\n")[2].strip():
                raise UnsureError("a comment between a key and its value", value.span.line)
        self._take_comment(entry, value.span.end)
        self._next = value.span.end_line
        if _keeps_blank_lines(value):
            while self._next < len(self._lines) - 1 and not self._lines[self._next].strip(" "):
                self._next += 1
                entry.num_kept += 1

    def _take_comment(self, entry: Entry, at: int) -> None:
        match = _REST_OF_LINE.match(self._text, at)
        line = self._source.line_number(at)
        if match is None or (match.group(1) and entry.beside):
            raise UnsureError("two comments beside one value", line)
        entry.beside = entry.beside or (match.group(1) or "").rstrip()

    def _gap(self, end: int, column: int) -> list[str]:
        """The lines from the next one to the line `end`, less those of blocks that have ended."""
        lines = [self._blank_or_comment(at) for at in range(self._next, end)]
        taken = 0
        for at, (indent, text) in enumerate(lines):
            if not text:
                continue
            owners = [block for block in self._closed if block.column <= indent]
            if indent <= column or not owners:
                break
            self._closed = owners  # what comes later is of no deeper block
            owners[0].tail += [line for _, line in lines[taken : at + 1]]
            taken = at + 1
        self._closed = []
        return [text for _, text in lines[taken:]]

    def _blank_or_comment(self, at: int) -> tuple[int, str]:
        match = _OWN_LINE.fullmatch(self._lines[at])
        if match is not None:
            return len(match.group(1)), match.group(2).rstrip()
        if self._lines[at].rstrip() == _MARKER and self._next == 0:
            return 0, _MARKER
        raise UnsureError("a line that is neither a key nor a comment", at + 1)


def _keeps_blank_lines(value: Node) -> bool:
    if not isinstance(value, ScalarNode):
        return False
    is_block = value.style in (ScalarStyle.LITERAL, ScalarStyle.FOLDED)
    return is_block and "+" in value.span.text.partition("\n")[0].partition("#")[0]


def _end_of_header(lines: list[str]) -> int:
    """How many of the lines above the first key are about the whole file."""
    blank = max((at for at, text in enumerate(lines) if not text), default=-1)
    marks = [at for at, text in enumerate(lines) if text == _MARKER or _MODELINE.fullmatch(text)]
    return max(blank, *marks, -1) + 1
