"""Findings of bind -> diagnostics on the token that is wrong."""

from typing import Any, get_args

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.findings import Finding, FindingKind
from softprompt_compiler.foreign_keys import help_for
from softprompt_compiler.scalars import NumberTooLongError, resolve_plain
from softprompt_compiler.source import Span
from softprompt_compiler.spec.describe import (
    Shape,
    field_shape,
    in_words,
    item_shape,
    limit_unsaid,
    members,
)
from softprompt_compiler.spec.section import NAME_LENGTH
from softprompt_compiler.spec.spec import SPEC_VERSION
from softprompt_compiler.spec.walk import all_fields, section_at, shape_at
from softprompt_compiler.suggest import is_respelling, nearest, nearest_choice
from softprompt_compiler.tree import (
    MappingNode,
    Node,
    Path,
    ScalarNode,
    ScalarStyle,
    SequenceNode,
    Tree,
)
from softprompt_compiler.yaml_traps import null_word, trap_of_type

_WIDEST_VALUE = 60  # characters of a value that a message repeats
_BOOLEANS = {  # those of YAML 1.1
    **dict.fromkeys(("true", "yes", "on", "y"), "true"),
    **dict.fromkeys(("false", "no", "off", "n"), "false"),
}
_VARIABLE_LETTERS = "letters, digits and `_`; the first is no digit"
_NAME_LETTERS = (
    f"letters, digits, `_`, `.` and `-`, {NAME_LENGTH} at most; the first is not `.` or `-`"
)


def diagnose(finding: Finding, tree: Tree) -> Diagnostic:
    """The diagnostic of a finding."""
    if finding.path == ("version",) and finding.kind is FindingKind.RANGE:
        return _unknown_version(finding.path, tree)
    tell = {
        FindingKind.UNKNOWN_KEY: _unknown_field,
        FindingKind.UNUSABLE_KEY: _unusable_key,
        FindingKind.MISSING_KEY: _missing_field,
        FindingKind.RANGE: _out_of_range,
        FindingKind.CHOICE: _unknown_choice,
        FindingKind.EMPTY: _empty_value,
        FindingKind.NAME: _unusable_name,
        FindingKind.TYPE: _wrong_type,
        FindingKind.NULL_WORD: _null_word,
    }
    return tell[finding.kind](finding.path, tree)


def _unknown_field(path: Path, tree: Tree) -> Diagnostic:
    owner, key = path[:-1], str(path[-1])
    span, known = _key_span(path, tree), list(section_at(owner).model_fields)
    places = [path for path in all_fields() if path.rpartition(".")[2] == key]
    foreign = None if places else help_for(key)
    meant = None if places or foreign else nearest(key, known)
    given = tree.find(owner)
    is_free = isinstance(given, MappingNode) and meant is not None and given.key(meant) is None
    if places:
        hint = "it is a field elsewhere: " + _listed(places)
    elif foreign:
        hint = foreign
    else:
        hint = f"did you mean `{meant}`?" if meant else "there is " + _listed(known)
    return rules.UNKNOWN_FIELD.at(
        span,
        key=_shortened(key),
        owner=section_in_words(owner),
        help=hint,
        fix=_respelt(span, key, meant) if meant and is_free else None,
    )


def _respelt(span: Span, found: str, meant: str) -> Fix:
    quote = span.text[0] if span.text[:1] in ("'", '"') else ""  # JSON's `"key":1` needs them
    written = f"{quote}{meant}{quote}"
    return (Fix.sure if is_respelling(found, meant) else Fix.guess)(span, written)


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _missing_field(path: Path, tree: Tree) -> Diagnostic:
    owner, key = path[:-1], str(path[-1])
    field = section_at(owner).model_fields[key]
    return rules.MISSING_FIELD.at(
        tree.nearest(owner).key_span,
        key=key,
        owner=section_in_words(owner),
        notes=field.description or (),
        help=f"write `{key}:` and {in_words(field_shape(field))}",
    )


def _wrong_type(path: Path, tree: Tree) -> Diagnostic:
    node, shape = tree.nearest(path), shape_at(path)
    trap = trap_of_type(node, shape, _key_in_words(path))
    if trap is not None:
        return trap
    fix = _rewritten(node, shape)
    word = node.text if isinstance(node, ScalarNode) else ""
    meant = nearest_choice(word, shape.choices)
    hint = f"write `{fix.edits[0].replacement.strip()}`" if fix else _named_items(node, path)
    return rules.WRONG_TYPE.at(
        value_span(node),
        key=_key_in_words(path),
        found=value_in_words(node),
        expected=in_words(shape),
        help=f"did you mean `{meant}`?" if meant else hint,
        fix=_respelt(node.span, word, meant) if meant else fix,
    )


def _named_items(node: Node, path: Path) -> tuple[str, ...]:
    """What to write in place of a list of tasks that say their own names."""
    if path != ("tasks",) or not isinstance(node, SequenceNode):
        return ()
    for key in ("name", "taskname"):
        for item in node.items:
            named = item.get(key) if isinstance(item, MappingNode) else None
            if isinstance(named, ScalarNode):
                name = _shortened(named.text)
                return (f"write `{name}:` in place of `- {key}: {name}`, and its keys below it",)
    return ()


def _null_word(path: Path, tree: Tree) -> Diagnostic:
    node = tree.nearest(path)
    assert isinstance(node, ScalarNode), "a word is a scalar"
    return null_word(node, _key_in_words(path))


def _out_of_range(path: Path, tree: Tree) -> Diagnostic:
    node = tree.nearest(path)
    expected = in_words(shape_at(path))
    found = _shortened(node.span.text)
    return rules.OUT_OF_RANGE.at(
        value_span(node),
        key=_key_in_words(path),
        found=found,
        expected=expected,
        help=limit_unsaid(node.value, shape_at(path)) if isinstance(node, ScalarNode) else (),
    )


def _unknown_choice(path: Path, tree: Tree) -> Diagnostic:
    node, shape = tree.nearest(path), shape_at(path)
    if not (isinstance(node, ScalarNode) and isinstance(node.value, str)):
        return _wrong_type(path, tree)
    meant = nearest_choice(node.value, shape.choices)
    hints = [f"did you mean `{meant}`?"] if meant else []
    return rules.UNKNOWN_CHOICE.at(
        value_span(node),
        key=_key_in_words(path),
        found=f"`{_shortened(node.text)}`",
        help=[*hints, f"it takes {in_words(shape)}"],
        fix=_respelt(node.span, node.text, meant) if meant else None,
    )


def _empty_value(path: Path, tree: Tree) -> Diagnostic:
    hint = f"it takes {in_words(shape_at(path))}"
    return rules.EMPTY_VALUE.at(value_span(tree.nearest(path)), key=_key_in_words(path), help=hint)


def _unusable_key(path: Path, tree: Tree) -> Diagnostic:
    holder, key = str(path[-2]), str(path[-1])
    things = {"tasks": "a task", "environment": "an environment variable", "fields": "a field"}
    letters = _VARIABLE_LETTERS if holder == "environment" else _NAME_LETTERS
    return rules.UNUSABLE_NAME.at(
        _key_span(path, tree), found=_name(key), thing=things[holder], help=f"use {letters}"
    )


def _unusable_name(path: Path, tree: Tree) -> Diagnostic:
    node = tree.nearest(path)
    found = _name(node.text if isinstance(node, ScalarNode) else "")
    is_variable = "secrets" in path
    thing = "an environment variable" if is_variable else "a run"
    letters = _VARIABLE_LETTERS if is_variable else _NAME_LETTERS
    return rules.UNUSABLE_NAME.at(value_span(node), found=found, thing=thing, help=f"use {letters}")


def _unknown_version(path: Path, tree: Tree) -> Diagnostic:
    node = tree.nearest(path)
    return rules.UNKNOWN_VERSION.at(
        node.span,
        found=_shortened(node.span.text),
        known=SPEC_VERSION,
        help=f"write `version: {SPEC_VERSION}`",
    )


def section_in_words(path: Path) -> str:
    """The section at a path as messages call it: `training.optim`; the spec itself if empty."""
    return f"`{'.'.join(str(step) for step in path)}`" if path else "the spec"


def value_in_words(node: Node) -> str:
    """A value as messages show it."""
    if isinstance(node, SequenceNode):
        return f"a list of {len(node.items)}" if node.items else "an empty list"
    if isinstance(node, MappingNode):
        return "a mapping"
    match node.value:
        case None:
            shown = "`~`, which is null" if node.text == "~" else "null"
            return shown if node.text else "left empty"
        case str():
            return f"the text `{_shortened(node.text)}`" if node.text else "an empty text"
        case bool():
            return f"`{node.text}`"
        case _:
            return f"the number {_shortened(node.text)}"


def value_span(node: Node) -> Span:
    """The value's place; its key's where nothing is written."""
    return node.span if node.span.end > node.span.start else node.key_span


def _name(text: str) -> str:
    return f"`{_shortened(text)}`" if text else "an empty text"


def _shortened(text: str) -> str:
    cut = text.split("\n", 1)[0][:_WIDEST_VALUE]
    return cut if cut == text else cut + "..."


def _key_in_words(path: Path) -> str:
    """The last key of a path, with the item's number where it leads into a list."""
    last = max(at for at, step in enumerate(path) if isinstance(step, str))
    return f"{path[last]}" + "".join(f"[{step}]" for step in path[last + 1 :])


def _key_span(path: Path, tree: Tree) -> Span:
    owner = tree.find(path[:-1])
    key = owner.key(str(path[-1])) if isinstance(owner, MappingNode) else None
    return (key or tree.nearest(path)).span


def _rewritten(node: Node, shape: Shape) -> Fix | None:
    """The same value as the field takes it, where there is one way to write it.

    Quotes where text is wanted and a number or boolean stands, or the other way round; `true` for
    YAML 1.1's `yes`; brackets around the one item of a list.
    """
    if not isinstance(node, ScalarNode) or "\n" in node.text or not node.text:
        return None
    types = {member.type for member in members(shape)}
    if str in types and not isinstance(node.value, str) and node.value is not None:
        return Fix.sure(node.span, f'"{node.text}"')
    if int in types and isinstance(node.value, float) and node.value.is_integer():
        return Fix.sure(node.span, str(int(node.value)))  # 1e3
    if not isinstance(node.value, str):
        return _bracketed(node, shape)
    word = _BOOLEANS.get(node.text.lower())
    if bool in types and word:
        return _unquoted(node.span, word)
    if types & {int, float} and node.style is not ScalarStyle.PLAIN and _reads(node.text, types):
        return _unquoted(node.span, node.text)
    return _bracketed(node, shape)


def _unquoted(span: Span, text: str) -> Fix:
    """Without quotes a `#` right behind would be part of the value."""
    return Fix.sure(span, text + " " * span.source.text.startswith("#", span.end))


def _reads(text: str, types: set[Any]) -> bool:
    """Whether `text` without quotes is a number of one of the types."""
    try:
        value = resolve_plain(text)
    except NumberTooLongError:
        return False
    return type(value) in types or (type(value) is int and float in types)


def _bracketed(node: ScalarNode, shape: Shape) -> Fix | None:
    """A list of the one value, where a list of any length is wanted and the value is an item."""
    items = item_shape(shape)
    is_list = any(get_args(member.type)[1:] == (Ellipsis,) for member in members(shape))
    if items is None or not is_list or node.style in (ScalarStyle.LITERAL, ScalarStyle.FOLDED):
        return None
    is_item = node.value in items.choices if items.choices else type(node.value) is items.type
    if not is_item or any(sign in node.span.text for sign in ",[]{}"):
        return None
    return Fix.sure(node.span, f"[{node.span.text}]")
