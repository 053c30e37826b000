"""Values that YAML reads otherwise than their author, or another YAML reader, does.

Specs are YAML 1.2. Many tools, PyYAML among them, read YAML 1.1, where `no` is false, `1_000` a
number, `12:30` the number 750 and `010` eight; and `None` is Python's word, not YAML's.
"""

import re
from collections.abc import Iterator

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.scalars import quoted_as_meant
from softprompt_compiler.spec.describe import Shape, field_shape, item_shape, members, section_of
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import MappingNode, Node, Path, ScalarNode, ScalarStyle, SequenceNode

_BOOLEANS = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}
_NULLS = ("None", "none", "nil")
_GROUPED = re.compile(r"[-+]?[0-9]{1,3}(?:[_,][0-9]{3})+|[-+]?[0-9]+(?:_[0-9]+)+")
_BASE_60 = re.compile(r"[0-9]+(?::[0-5]?[0-9])+")
_OTHER_BASE = re.compile(r"[-+]?0[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_ESCAPE = re.compile(r"\\[nt]")
_LONGEST_NUMBER = 40  # characters; more was hardly meant as one
_UNESCAPED = (ScalarStyle.PLAIN, ScalarStyle.SINGLE_QUOTED)
_TEXTS = {"prompt_template", "text"}  # keys of fields that go into rows

_ROOT = Shape(type=Spec, constraints=())


def trap_of_type(node: Node, shape: Shape, key: str) -> Diagnostic | None:
    """What YAML 1.1 has to do with a value of the wrong type; None if nothing."""
    if not isinstance(node, ScalarNode) or not isinstance(node.value, str):
        return None
    types = {member.type for member in members(shape)}
    if bool in types and (word := _BOOLEANS.get(node.text.lower())):
        fix, hint = Fix.sure(node.span, word), f"write `{word}`"
        note = "YAML 1.1 took `yes`, `no`, `on` and `off` for true and false; YAML 1.2 does not"
        return rules.BOOLEAN_WORD.at(
            node.span, found=node.text, key=key, notes=note, help=hint, fix=fix
        )
    is_short = len(node.text) <= _LONGEST_NUMBER
    if types & {int, float} and node.style is ScalarStyle.PLAIN and is_short:
        return _number_form(node, key)
    return None


def _number_form(node: ScalarNode, key: str) -> Diagnostic | None:
    if _GROUPED.fullmatch(node.text):
        number = node.text.replace("_", "").replace(",", "")
        note = "YAML 1.1 let `_` stand in numbers; YAML 1.2 does not, and `,` never did"
        fix = Fix.sure(node.span, number) if "," not in node.text else Fix.guess(node.span, number)
    elif _BASE_60.fullmatch(node.text):
        number = "0"
        for part in node.text.split(":"):
            number = str(int(number) * 60 + int(part))
        note, fix = "YAML 1.1 read numbers with colons to the base 60", Fix.guess(node.span, number)
    else:
        return None
    return rules.NUMBER_FORM.at(
        node.span, found=node.text, key=key, notes=note, help=f"write `{number}`", fix=fix
    )


def null_words(root: MappingNode) -> Iterator[Path]:
    """The paths of plain `None` in fields that take null."""
    for path, node, shape in _scalars(root, _ROOT, ()):
        nullable = any(member.type is type(None) for member in members(shape))
        if nullable and node.style is ScalarStyle.PLAIN and node.text in _NULLS:
            yield path


def null_word(node: ScalarNode, key: str) -> Diagnostic:
    """The diagnostic of a path of `null_words`."""
    note = f"in YAML `{node.text}` is text"
    fix = Fix.sure(node.span, "null")
    return rules.NULL_WORD.at(
        node.span, found=node.text, key=key, notes=note, help="write `null`", fix=fix
    )


def warn_of_traps(root: MappingNode) -> Iterator[Diagnostic]:
    """Values that are sound and may mean something else."""
    for path, node, shape in _scalars(root, _ROOT, ()):
        types = {member.type for member in members(shape)}
        if node.style is ScalarStyle.PLAIN and types & {int, float}:
            yield from _other_base(node)
        elif str in types and isinstance(node.value, str) and _TEXTS.intersection(path):
            yield from _unread_escape(node)


def _other_base(node: ScalarNode) -> Iterator[Diagnostic]:
    if not isinstance(node.value, int) or not _OTHER_BASE.fullmatch(node.text):
        return
    if node.text.lstrip("-+").isdigit() and set(node.text) & set("89"):
        note = "other readers of YAML may take it for text"
    elif node.text.startswith(("0o", "0x")):
        note = "YAML 1.1 readers take `0o` for text"
    else:
        note = f"YAML 1.1 readers take it for {int(node.text, 8)}, to the base 8"
    yield rules.OTHER_BASE.at(
        node.span,
        found=node.text,
        value=node.value,
        notes=note,
        help=f"write `{node.value}`",
        fix=Fix.guess(node.span, str(node.value)),
    )


def _unread_escape(node: ScalarNode) -> Iterator[Diagnostic]:
    match = _ESCAPE.search(node.text)
    if match is None or node.style not in (*_UNESCAPED, ScalarStyle.LITERAL, ScalarStyle.FOLDED):
        return
    meant = quoted_as_meant(node.text) if node.style in _UNESCAPED else ""
    fix = Fix.guess(node.span, meant) if meant.startswith('"') else None
    hint = 'write the text in "double quotes"' if node.style in _UNESCAPED else "break the line"
    yield rules.UNREAD_ESCAPE.at(
        node.span_at(match.start(), match.end()),
        found=match.group(),
        notes="only inside double quotes YAML reads escapes",
        help=hint,
        fix=fix,
    )


def _scalars(node: Node, shape: Shape, path: Path) -> Iterator[tuple[Path, ScalarNode, Shape]]:
    """Every scalar that the types know, with its path and shape."""
    section, items = section_of(shape), item_shape(shape)
    if isinstance(node, MappingNode):
        for key, value in node.entries:
            if section is not None and key.text in section.model_fields:
                inner = field_shape(section.model_fields[key.text])
                yield from _scalars(value, inner, (*path, key.text))
            elif section is None and items is not None:
                yield from _scalars(value, items, (*path, key.text))
    elif isinstance(node, SequenceNode):
        for at, value in enumerate(node.items) if items is not None else ():
            yield from _scalars(value, items or shape, (*path, at))
    else:
        yield path, node, shape
