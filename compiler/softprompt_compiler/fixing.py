"""Sure fixes, applied to the text of a spec. Every character outside their edits stays as it is."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from softprompt_compiler.diagnostic import Confidence, Diagnostic, Edit
from softprompt_compiler.source import SourceFile

MAX_ROUNDS = 50  # a fault of the text hides those behind it, so a round may fix one only

Check: TypeAlias = Callable[[SourceFile], Sequence[Diagnostic]]


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A spec after its sure fixes.

    source: the text as it is now. fixed: what was fixed, each with its place in the text before
    its round.
    """

    source: SourceFile
    fixed: tuple[Diagnostic, ...]


def fix(source: SourceFile, checks: Iterable[Check]) -> Fixed:
    """The spec with all its sure fixes applied, until none is left.

    checks: what finds faults; only a fix that all of them offer is applied. Edits of another source
    than the spec are never made. The text is checked again after each round.
    """
    checks, done = tuple(checks), list[Diagnostic]()
    for _ in range(MAX_ROUNDS):
        chosen = _compatible(_offered(source, checks))
        if not chosen:
            break
        done += chosen
        source = replace(source, text=_edited(source, chosen))
    return Fixed(source=source, fixed=tuple(done))


def _offered(source: SourceFile, checks: Sequence[Check]) -> list[Diagnostic]:
    """The diagnostics whose sure fix all checks offer, by the first edit's place."""
    first, *others = [_sure(check(source), source) for check in checks]
    found = [first[edits] for edits in first if all(edits in other for other in others)]
    return sorted(found, key=lambda each: _edits(each)[0].span.start)


def _sure(found: Iterable[Diagnostic], source: SourceFile) -> dict[tuple[Edit, ...], Diagnostic]:
    return {
        _edits(each): each
        for each in found
        if each.fix is not None
        and each.fix.confidence is Confidence.SURE
        and all(edit.span.source is source for edit in each.fix.edits)
    }


def _edits(diagnostic: Diagnostic) -> tuple[Edit, ...]:
    assert diagnostic.fix is not None
    return diagnostic.fix.edits


def _compatible(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """As many of the diagnostics as have edits that do not overlap; a fix is applied whole."""
    chosen: list[Diagnostic] = []
    taken: list[Edit] = []
    for each in found:
        if not any(_touch(one, other) for one in _edits(each) for other in taken):
            chosen.append(each)
            taken += _edits(each)
    return chosen


def _touch(one: Edit, other: Edit) -> bool:
    a, b = one.span, other.span
    if a.start == a.end or b.start == b.end:  # of two insertions at one place, which is first?
        return a.start <= b.end and b.start <= a.end
    return a.start < b.end and b.start < a.end


def _edited(source: SourceFile, chosen: Iterable[Diagnostic]) -> str:
    text, line_break = source.text, _line_break(source.text)
    edits = [edit for each in chosen for edit in _edits(each)]
    for edit in sorted(edits, key=lambda each: each.span.start, reverse=True):
        written = edit.replacement.replace("\n", line_break)
        text = text[: edit.span.start] + written + text[edit.span.end :]
    return text


def _line_break(text: str) -> str:
    """The first line break of a text."""
    found = re.search(r"\r\n|\n|\r", text)
    return found.group() if found else "\n"
