"""`# softprompt: ignore[SP0251] reason`: a comment that silences warnings of one line of a spec.

At the end of a line it speaks of that line; on a line of its own, of the next one that says
something. Errors cannot be silenced: there is no plan for a spec that has one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from softprompt_compiler.catalogue import RULES
from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.diagnostic import Diagnostic, Fix, Severity, has_errors
from softprompt_compiler.ignore_comments import COMMENT
from softprompt_compiler.source import Span
from softprompt_compiler.suggest import is_respelling
from softprompt_compiler.tree import MappingNode, Node, ScalarNode, ScalarStyle, Tree

_FORM = re.compile(r"#[ \t]*softprompt:[ \t]*ignore\[([^\]]*)\](.*)")
_CODE = re.compile(r"[^\s,]+")
_SAYS_NOTHING = re.compile(r"[ \t]*(?:#|$)")
_OF_THIS_MACHINE = "SP03"  # what is found about model and data is another thing elsewhere
_OF_COMMENTS = "SP005"


@dataclass(frozen=True, kw_only=True)
class Ignored:
    """A diagnostic that the spec's author has answered, and the answer."""

    diagnostic: Diagnostic
    reason: str


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What is left of the diagnostics, with faults of the comments, and what the comments took."""

    diagnostics: tuple[Diagnostic, ...]
    ignored: tuple[Ignored, ...]


@dataclass(frozen=True, kw_only=True)
class _Comment:
    span: Span
    codes: tuple[Span, ...]
    reason: str
    line: int  # that it speaks of


def judge(tree: Tree, found: Sequence[Diagnostic]) -> Judged:
    """The diagnostics after the comments of the spec."""
    faults: list[Diagnostic] = []
    comments = [comment for span in _comments(tree) if (comment := _read(span, faults)) is not None]
    ignored: dict[Diagnostic, str] = {}
    for comment in comments:
        taken = [each for each in found if _takes(comment, each)]
        ignored |= dict.fromkeys(taken, comment.reason)
        used = {each.code for each in taken}
        for code in comment.codes:
            fault = _fault(code) or (
                None if code.text in used or has_errors(found) else _unused(comment, code)
            )
            faults += [fault] if fault else []
    return Judged(
        diagnostics=(*(each for each in found if each not in ignored), *faults),
        ignored=tuple(Ignored(diagnostic=each, reason=ignored[each]) for each in ignored),
    )


def _comments(tree: Tree) -> Iterator[Span]:
    texts = [span for span in _texts(tree.root) if span.source is tree.source]
    for match in COMMENT.finditer(tree.source.text):
        if not any(text.start < match.start() < text.end for text in texts):
            yield tree.source.span(*match.span())


def _texts(node: Node) -> Iterator[Span]:
    """The places of all scalars, in which no `#` starts a comment."""
    match node:
        case ScalarNode(style=ScalarStyle.LITERAL | ScalarStyle.FOLDED):
            header = node.span.source.line_at(node.span.start)  # `|  # a comment`
            yield node.span.source.span(header.end, node.span.end)
        case ScalarNode():
            yield node.span
        case MappingNode():
            for key, value in node.entries:
                yield key.span
                yield from _texts(value)
        case _:
            for item in node.items:
                yield from _texts(item)


def _read(span: Span, faults: list[Diagnostic]) -> _Comment | None:
    """The comment, if it can be read; its faults of form go to `faults`."""
    form = _FORM.fullmatch(span.text)
    codes = [] if form is None else list(_CODE.finditer(span.text, *form.span(1)))
    if form is None or not codes:
        hint = "write `# softprompt: ignore[SP0251] the reason`"
        faults.append(rules.IGNORE_FORM.at(span, help=hint))
        return None
    reason = form.group(2).strip(" \t:-")
    if not reason:
        faults.append(rules.IGNORE_WITHOUT_REASON.at(span, help="say why behind the bracket"))
    places = [span.source.span(span.start + at.start(), span.start + at.end()) for at in codes]
    return _Comment(span=span, codes=tuple(places), reason=reason, line=_line_meant(span))


def _line_meant(span: Span) -> int:
    source = span.source
    if source.text[source.line_at(span.start).start : span.start].strip():
        return span.line
    end, number = len(source.text), span.line + 1
    last = source.line_number(end)
    while number < last and _SAYS_NOTHING.match(source.line(number)):
        number += 1
    return number


def _takes(comment: _Comment, found: Diagnostic) -> bool:
    return (
        found.severity is not Severity.ERROR
        and found.span.source is comment.span.source
        and found.span.line == comment.line
        and any(code.text == found.code for code in comment.codes)
    )


def _fault(code: Span) -> Diagnostic | None:
    """What is wrong with a code wherever it stands."""
    rule = RULES.get(code.text)
    if rule is None:
        return _unknown(code)
    if rule.severity is Severity.ERROR or rule.code.startswith(_OF_COMMENTS):
        what = "an error" if rule.severity is Severity.ERROR else "about such comments"
        hint = "remove it, and correct what the error says"
        return rules.IGNORE_OF_ERROR.at(code, code=code.text, what=what, help=hint)
    return None


def _unknown(code: Span) -> Diagnostic:
    meant = next((each.code for each in RULES.values() if _means(code.text, each)), None)
    hint = f"write `{meant}`" if meant else "`spec explain CODE` knows every code"
    fix = Fix.sure(code, meant) if meant else None
    return rules.IGNORE_OF_UNKNOWN.at(code, code=code.text, help=hint, fix=fix)


def _means(word: str, rule: Rule) -> bool:
    return any(is_respelling(word, known) for known in (rule.code, rule.name))


def _unused(comment: _Comment, code: Span) -> Diagnostic | None:
    if code.text.startswith(_OF_THIS_MACHINE):
        return None
    fix = Fix.sure(_whole(comment.span), "") if len(comment.codes) == 1 else None
    return rules.UNUSED_IGNORE.at(
        code, code=code.text, line=comment.line, help="remove it", fix=fix
    )


def _whole(comment: Span) -> Span:
    """A comment with the space before it; with its line, if it has one of its own."""
    source, line = comment.source, comment.source.line_at(comment.start)
    before = source.text[line.start : comment.start]
    if before.strip():
        return source.span(line.start + len(before.rstrip()), comment.end)
    following = re.compile(r"\r\n|\n|\r").match(source.text, line.end)
    return source.span(line.start, following.end() if following else line.end)
