"""Source text -> tree. Nothing is built from tags, copied from anchors, or nested without end.

YAML events come from PyYAML's scanner, which calls itself nowhere; so the depth is ours to limit.
"""

import re
from dataclasses import dataclass, field, replace

import yaml

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.decode import check_characters
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.removal import removal
from softprompt_compiler.scalars import NumberTooLongError, quoted, resolve_plain
from softprompt_compiler.source import SourceFile, Span
from softprompt_compiler.tree import (
    MappingNode,
    Node,
    ScalarNode,
    ScalarStyle,
    SequenceNode,
    Tree,
    plain,
)
from softprompt_compiler.yaml_marks import extent

MAX_DEPTH = 50  # a spec needs 6

_PROPERTY = re.compile(r"[&!*][^\s,\[\]{}]*")
_DIRECTIVE = re.compile(r"^%[^\r\n]*(?:\r\n|\n|\r)?", re.MULTILINE)
_YAML_1_2 = re.compile(r"%YAML +1\.2 *")
# NUL ends strings in C, and a lone surrogate cannot be written to a file.
_UNUSABLE = re.compile(r"[\x00\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """A tree, if the text is whole enough for one to be checked, and what was found."""

    tree: Tree | None
    diagnostics: tuple[Diagnostic, ...]


def parse(source: SourceFile) -> Parsed:
    """The tree of a spec's text. Never raises, whatever the text."""
    root, found = parse_node(source)
    if found and root is None:
        return Parsed(tree=None, diagnostics=tuple(found))
    if isinstance(root, MappingNode):
        return Parsed(tree=Tree(source=source, root=root), diagnostics=tuple(found))
    if root is None or root.span.start == root.span.end:
        hint = "`spec init` writes a spec to start from"
        found.append(rules.EMPTY_SPEC.at(source.span(0), help=hint))
    elif isinstance(root, SequenceNode):
        hint = "start with `version: 1`"
        found.append(rules.NOT_A_MAPPING.at(root.span, found="a list", help=hint))
    else:
        from softprompt_compiler.syntax.lines import missing_colon

        found.append(missing_colon(source, root.span.start))
    return Parsed(tree=None, diagnostics=tuple(found))


def parse_node(source: SourceFile, start: int = 0) -> tuple[Node | None, list[Diagnostic]]:
    """The one node of a text from the offset `start` on, which is in its first line.

    None if there is none, or if a fault left a hole in it.
    """
    found = check_characters(source)
    if found:
        return None, found
    loader = yaml.SafeLoader(" " * start + source.text[start:])  # the offsets stay the source's
    composer = _Composer(source)
    event: yaml.Event | None = None
    try:
        while not composer.stopped and loader.check_event():
            event = loader.get_event()
            if event is not None:
                composer.take(event)
    # PyYAML leaves chr() and int() unguarded: "\UFFFFFFFF" in quotes, `%YAML 999...`.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        from softprompt_compiler.syntax.diagnose import diagnose  # most specs are YAML

        return None, [*composer.found, diagnose(source, error, loader, event)]
    finally:
        loader.dispose()
    return (None if composer.has_hole else composer.root), composer.found


@dataclass(kw_only=True)
class _Open:
    """A collection whose end has not come yet."""

    start: int
    is_mapping: bool
    is_flow: bool
    key_span: Span | None
    items: list[Node] = field(default_factory=list[Node])
    entries: dict[str, tuple[ScalarNode, Node]] = field(
        default_factory=dict[str, tuple[ScalarNode, Node]]
    )
    key: Node | None = None  # whose value comes next


class _Composer:
    """Takes YAML events one by one and builds the tree on a stack of its own."""

    def __init__(self, source: SourceFile) -> None:
        self.source = source
        self.root: Node | None = None
        self.found: list[Diagnostic] = []
        self.has_hole = False  # something the author wrote is not in the tree
        self.stopped = False
        self._stack: list[_Open] = []

    def take(self, event: yaml.Event) -> None:
        """One event. Raises nothing."""
        if isinstance(event, yaml.DocumentStartEvent):
            self._start_document(event)
        elif isinstance(event, yaml.AliasEvent):
            self._refuse_alias(event)
        elif isinstance(event, yaml.ScalarEvent):
            self._check_properties(event)
            self._add(self._scalar(event))
        elif isinstance(event, yaml.CollectionStartEvent):
            self._check_properties(event)
            self._open(event)
        elif isinstance(event, yaml.CollectionEndEvent):
            self._close(event)

    def _span(self, start: int, end: int | None = None) -> Span:
        return self.source.span(start, end)

    def _start_document(self, event: yaml.DocumentStartEvent) -> None:
        start = extent(event)[0]
        if self.root is not None:
            self.found.append(
                rules.SEVERAL_DOCUMENTS.at(
                    self._span(start, start + 3), help="put each spec into a file of its own"
                )
            )
            self.stopped = True
        elif event.version or event.tags:
            self.found.append(_directive(self.source))

    def _refuse_alias(self, event: yaml.AliasEvent) -> None:
        span = self._span(*extent(event))
        self.found.append(rules.ALIAS.at(span, text=span.text, help=_quote_or_write_out(span)))
        self.has_hole = True
        self._add(_null(span))

    def _check_properties(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.anchor is None and event.tag is None:
            return
        at = extent(event)[0]
        for match in _PROPERTY.finditer(self.source.text, at):
            if self.source.text[at : match.start()].strip():
                break
            span = self._span(match.start(), match.end())
            rule = rules.ANCHOR if match.group().startswith("&") else rules.TAG
            self.found.append(rule.at(span, text=span.text, help=_quote_or_write_out(span)))
            at = match.end()

    def _scalar(self, event: yaml.ScalarEvent) -> ScalarNode:
        start, end = extent(event)
        style = ScalarStyle.PLAIN if event.style is None else ScalarStyle(event.style)
        if style in (ScalarStyle.LITERAL, ScalarStyle.FOLDED):
            end -= _num_trailing(self.source.text[start:end])
        span = self._span(start, end)
        value = self._plain(event.value, span) if style is ScalarStyle.PLAIN else event.value
        node = ScalarNode(value=value, text=event.value, style=style, span=span, key_span=span)
        self._check_usable(node)
        return node

    def _plain(self, text: str, span: Span) -> str | int | float | bool | None:
        try:
            return resolve_plain(text)
        except NumberTooLongError:
            hint = "quote it if it is text"
            self.found.append(rules.NUMBER_TOO_LONG.at(span, size=len(text), help=hint))
            return 0

    def _check_usable(self, node: ScalarNode) -> None:
        for match in _UNUSABLE.finditer(node.text):
            span = node.span_at(match.start(), match.end())
            hint = "write the character itself, or \\U and its 8 hexadecimal digits"
            self.found.append(rules.UNUSABLE_CHARACTER.at(span, escape=span.text, help=hint))
            self.has_hole = True
            break

    def _open(self, event: yaml.CollectionStartEvent) -> None:
        start = extent(event)[0]
        if len(self._stack) == MAX_DEPTH:
            self.found.append(rules.TOO_DEEP.at(self._span(start, start + 1), limit=MAX_DEPTH))
            self.stopped = self.has_hole = True
            return
        self._stack.append(
            _Open(
                start=start,
                is_mapping=isinstance(event, yaml.MappingStartEvent),
                is_flow=bool(event.flow_style),
                key_span=self._key_span(),
            )
        )

    def _key_span(self) -> Span | None:
        """The key that the next node stands under."""
        key = self._stack[-1].key if self._stack else None
        return key.span if key else None

    def _close(self, event: yaml.CollectionEndEvent) -> None:
        done = self._stack.pop()
        span = self._span(done.start, extent(event)[1] if done.is_flow else _end(done))
        key_span = done.key_span or (span if self._stack else self._span(done.start))
        if done.is_mapping:
            entries = tuple(done.entries.values())
            self._add(MappingNode(entries=entries, span=span, key_span=key_span))
        else:
            self._add(SequenceNode(items=tuple(done.items), span=span, key_span=key_span))

    def _add(self, node: Node) -> None:
        """`node` into the innermost open collection."""
        if not self._stack:
            self.root = node
            return
        top = self._stack[-1]
        if not top.is_mapping:
            top.items.append(node)
        elif top.key is None:
            top.key = node
        else:
            key, top.key = top.key, None
            self._add_entry(top, key, node)

    def _add_entry(self, top: _Open, key: Node, value: Node) -> None:
        name = self._checked_key(key)
        if name is None:
            self.has_hole = True
            return
        if name.text in top.entries:
            self.found.append(_duplicate(top, name, value))
            return
        if isinstance(value, ScalarNode):
            value = replace(value, key_span=name.span)
        top.entries[name.text] = (name, value)

    def _checked_key(self, key: Node) -> ScalarNode | None:
        if not isinstance(key, ScalarNode):
            kind = "a list" if isinstance(key, SequenceNode) else "a mapping"
            self.found.append(rules.KEY_NOT_TEXT.at(key.span, found=kind))
            return None
        if key.value == "<<" and key.style is ScalarStyle.PLAIN:
            hint = "write the keys out where they are needed"
            self.found.append(rules.MERGE_KEY.at(key.span, help=hint))
            return None
        if not isinstance(key.value, str):
            self.found.append(_key_not_text(key))
            return key if key.text else None
        return key


def _key_not_text(key: ScalarNode) -> Diagnostic:
    if not key.text:
        return rules.KEY_NOT_TEXT.at(key.span, found="nothing")
    match key.value:
        case bool():
            kind = "true or false"
        case None:
            kind = "null"
        case _:
            kind = "a number"
    comma = _decimal_comma(key)
    if comma:
        fix, hint = Fix.guess(comma, "."), "write `.` in place of the `,` in a number"
    else:
        fix, hint = Fix.sure(key.span, quoted(key.text)), f"write {quoted(key.text)}"
    return rules.KEY_NOT_TEXT.at(key.span, found=kind, help=hint, fix=fix)


def _decimal_comma(key: ScalarNode) -> Span | None:
    """The comma of `{lr: 1,5}`, where YAML begins a new key behind it."""
    text, start = key.span.source.text, key.span.start
    between_digits = re.compile(r"(?<=[0-9]),[0-9]").match(text, max(start - 1, 0))
    if key.style is not ScalarStyle.PLAIN or isinstance(key.value, str) or not between_digits:
        return None
    return key.span.source.span(start - 1, start)


def _null(span: Span) -> ScalarNode:
    return ScalarNode(value=None, text="", style=ScalarStyle.PLAIN, span=span, key_span=span)


def _duplicate(holder: _Open, again: ScalarNode, value: Node) -> Diagnostic:
    first, kept = holder.entries[again.text]
    labels = [Label(span=first.span, text="first here")]
    cut = None
    if plain(kept) == plain(value) and type(kept) is type(value):
        *_, (_, before) = holder.entries.values()
        end = max(value.span.end, again.span.end)
        cut = removal(again.span.source.span(again.span.start, end), previous=before.span)
    return rules.DUPLICATE_KEY.at(
        again.span,
        label="and again here",
        labels=labels,
        key=again.text,
        help="remove one of the two",
        fix=Fix.sure(cut, "") if cut else None,
    )


def _directive(source: SourceFile) -> Diagnostic:
    """The diagnostic of the first line with `%`; a `%YAML 1.2` says what is so anyway."""
    found = _DIRECTIVE.search(source.text)
    assert found is not None, "the parser has met one"
    line = source.line_at(found.start())
    cut = source.span(line.start, found.end())
    fix = Fix.sure(cut, "") if _YAML_1_2.fullmatch(line.text) else None
    place = source.span(line.start, line.start + 1)
    return rules.DIRECTIVE.at(place, help="remove the line", fix=fix)


def _end(done: _Open) -> int:
    """Where a block collection ends: after its last value, before blank lines and comments."""
    values = [value for _, value in done.entries.values()] if done.is_mapping else done.items
    return values[-1].span.end if values else done.start


def _num_trailing(raw: str) -> int:
    """Characters of a block scalar from the line break after its last line that holds anything."""
    trailing = raw[len(raw.rstrip("\r\n ")) :]
    return len(trailing.lstrip(" "))


def _quote_or_write_out(span: Span) -> str:
    return f"if it is text, write {quoted(span.text)}; else write the value out"
