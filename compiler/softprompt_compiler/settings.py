"""`--set training.max_epochs=1`: one more source, merged into the spec's tree."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.parse import parse_node
from softprompt_compiler.scalars import in_quotes
from softprompt_compiler.source import SourceFile, SourceKind, Span
from softprompt_compiler.tree import (
    MappingNode,
    Node,
    ScalarNode,
    ScalarStyle,
    SequenceNode,
    Tree,
)

_FORM = re.compile(r"([^=\s]+)=(.*)", re.DOTALL)
_UNQUOTED_COLON = re.compile(r"\s*[^\s'\"\[\]{}|>&*!#%@`,?:-][^#\n]*?(:)(?=\s|$)")
_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


@dataclass(frozen=True, kw_only=True)
class Setting:
    """One --set: the keys of its path, and the value with its place in the setting's own text."""

    keys: tuple[ScalarNode, ...]
    value: Node


def parse_setting(text: str, index: int) -> tuple[Setting | None, list[Diagnostic]]:
    """The setting of `KEY.KEY=VALUE`; VALUE is YAML, and nothing at all is null.

    index: the 1-based number of this --set; its spans render as `--set:INDEX`. Never raises.
    """
    source = SourceFile(name="--set", text=text, kind=SourceKind.SETTING, first_line=index)
    match = _FORM.fullmatch(text)
    if not match or "" in match.group(1).split("."):
        hint = "write --set training.max_epochs=1"
        return None, [rules.SETTING_FORM.at(source.span(0, len(text)), help=hint)]
    colon = _UNQUOTED_COLON.match(text, match.start(2))
    if colon:
        return None, [_unquoted_colon(source, match.group(1), colon)]
    value, found = parse_node(source, start=match.start(2))
    if found:
        return None, found
    keys = tuple(_keys(source, match.group(1)))
    empty = source.span(len(text))
    return Setting(keys=keys, value=value or _scalar(None, "", empty)), []


def merge(tree: Tree, settings: Iterable[Setting]) -> tuple[Tree, list[Diagnostic]]:
    """The tree with each setting's value in its place; of two for one place the last one counts.

    Sections that are not there are made. Never raises.
    """
    found: list[Diagnostic] = []
    root = tree.root
    for setting in settings:
        node, faults = _put(root, setting, 0)
        found += faults
        if isinstance(node, MappingNode):
            root = node
    return replace(tree, root=root), found


def _put(node: Node | None, setting: Setting, depth: int) -> tuple[Node | None, list[Diagnostic]]:
    """`node`, found or to be made at the first `depth` keys, with the setting's value inside."""
    if depth == len(setting.keys):
        return replace(setting.value, key_span=setting.keys[-1].span), []
    key = setting.keys[depth]
    if node is None or (isinstance(node, ScalarNode) and node.value is None):
        span = setting.keys[max(depth - 1, 0)].span
        node = MappingNode(entries=(), span=span, key_span=span)
    if isinstance(node, MappingNode):
        return _put_in_mapping(node, setting, depth)
    if isinstance(node, SequenceNode) and _INDEX.fullmatch(key.text):
        return _put_in_sequence(node, setting, depth)
    return node, [_inside_value(node, setting, depth)]


def _put_in_mapping(
    node: MappingNode, setting: Setting, depth: int
) -> tuple[Node, list[Diagnostic]]:
    key = setting.keys[depth]
    if _is_in_unknown_task(node, setting, depth):
        return node, [_unknown_task(node, setting)]
    value, found = _put(node.get(key.text), setting, depth + 1)
    if value is None:
        return node, found
    entries = {name.text: (name, old) for name, old in node.entries}
    entries[key.text] = (entries.get(key.text, (key, None))[0], value)
    return replace(node, entries=tuple(entries.values())), found


def _is_in_unknown_task(node: MappingNode, setting: Setting, depth: int) -> bool:
    """Whether one field of a task is set that the spec does not have: a whole task may be added."""
    keys = setting.keys
    is_inside = depth == 1 and keys[0].text == "tasks" and len(keys) > depth + 1
    return is_inside and bool(node.entries) and node.get(keys[1].text) is None


def _unknown_task(node: MappingNode, setting: Setting) -> Diagnostic:
    from softprompt_compiler.suggest import nearest

    key, known = setting.keys[1], list(node)
    meant = nearest(key.text, known)
    path = ".".join(["tasks", meant or known[0], *(each.text for each in setting.keys[2:])])
    return rules.SETTING_INSIDE_VALUE.at(
        key.span,
        path="tasks",
        found="a mapping of " + ", ".join(f"`{name}`" for name in known),
        step=key.text,
        help=f"did you mean `{path}`?" if meant else f"write `{path}`",
        fix=Fix.guess(key.span, meant) if meant else None,
    )


def _put_in_sequence(
    node: SequenceNode, setting: Setting, depth: int
) -> tuple[Node, list[Diagnostic]]:
    index = int(setting.keys[depth].text)
    if index >= len(node.items):
        return node, [_inside_value(node, setting, depth)]
    value, found = _put(node.items[index], setting, depth + 1)
    items = tuple(value if at == index and value else old for at, old in enumerate(node.items))
    return replace(node, items=items), found


def _inside_value(node: Node, setting: Setting, depth: int) -> Diagnostic:
    key = setting.keys[depth]
    if isinstance(node, SequenceNode):
        kind = f"a list of {len(node.items)}"
        hint = ["items are numbered from 0"]
    else:
        kind, hint = "a single value", []
    path = ".".join(name.text for name in setting.keys[:depth])
    return rules.SETTING_INSIDE_VALUE.at(key.span, path=path, found=kind, step=key.text, help=hint)


def _unquoted_colon(source: SourceFile, path: str, colon: re.Match[str]) -> Diagnostic:
    """`template=Text: {text}` would be read as a mapping, and nobody means one without braces."""
    return rules.UNQUOTED_COLON.at(
        source.span(colon.start(1), colon.end(1)),
        label="YAML reads this as the end of a key",
        key=path,
        help=in_quotes(source.text[colon.start() :].strip()),
    )


def _keys(source: SourceFile, path: str) -> Iterable[ScalarNode]:
    start = 0
    for step in path.split("."):
        yield _scalar(step, step, source.span(start, start + len(step)))
        start += len(step) + 1


def _scalar(value: str | None, text: str, span: Span) -> ScalarNode:
    return ScalarNode(value=value, text=text, style=ScalarStyle.PLAIN, span=span, key_span=span)
