"""What two compiled specs differ in, for people."""

import json
from collections.abc import Iterator
from typing import Any

from softprompt_compiler.diff.changes import ChangeKind, Difference, ScriptChange, ValueChange
from softprompt_compiler.diff.consequences import Answer, Consequence, prompt_fits, resumable
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.human import Style

_SIGNS = {ChangeKind.CHANGED: "~", ChangeKind.ADDED: "+", ChangeKind.REMOVED: "-"}
_COLORS = {
    ChangeKind.CHANGED: "\x1b[33m",
    ChangeKind.ADDED: "\x1b[32m",
    ChangeKind.REMOVED: "\x1b[31m",
}
_ANSWER_COLORS = {
    Answer.YES: "\x1b[32m",
    Answer.NO: "\x1b[31m",
    Answer.UNSURE: "\x1b[33m",
}
_LINE_COLORS = {"+": _COLORS[ChangeKind.ADDED], "-": _COLORS[ChangeKind.REMOVED]}
_MOST_REASONS = 6
_SHORT = 40  # characters of a value that still stands beside the other one


def render(found: Difference, style: Style, *, scripts: bool) -> str:
    """The differences, ending in a newline. scripts: whether to show the lines of scripts."""
    return "".join(f"{line}\n" for line in _lines(found, style, scripts=scripts))


def _lines(found: Difference, style: Style, *, scripts: bool) -> Iterator[str]:
    if found.is_none:
        yield f"{safe(found.a.name)} and {safe(found.b.name)} compile to the same run"
        return
    for change in found.values:
        yield from _value_lines(change, style)
    for data in found.data:
        sign = style.paint("~", _COLORS[ChangeKind.CHANGED])
        yield f"{sign} the {data.split} data of task {safe(data.task)}: other content"
    if found.model_files:
        sign = style.paint("~", _COLORS[ChangeKind.CHANGED])
        yield f"{sign} the base model's config or tokenizer: other content"
    yield ""
    if found.scripts is None:
        yield "scripts: not compared, a plan.json has none"
    elif found.scripts:
        shown = "" if scripts else " (--scripts shows the lines)"
        yield f"scripts: {', '.join(map(_script_name, found.scripts))}{shown}"
    a, b = safe(found.a.name), safe(found.b.name)
    yield from _consequence_lines(f"a training of {a} goes on as {b}", resumable(found), style)
    yield from _consequence_lines(
        f"a soft prompt trained by {a} serves {b}", prompt_fits(found), style
    )
    if scripts:
        for script in found.scripts or ():
            yield ""
            yield from (
                style.paint(safe(line), _LINE_COLORS.get(line[:1], "")) for line in script.lines
            )


def _value_lines(change: ValueChange, style: Style) -> Iterator[str]:
    sign = style.paint(_SIGNS[change.kind], _COLORS[change.kind])
    head, place = f"{sign} {safe(change.key)}", _place(change)
    before, after = _shown(change.before), _shown(change.after)
    is_task = isinstance(change.before, dict) or isinstance(change.after, dict)
    if is_task:
        yield head + place
    elif change.kind is ChangeKind.CHANGED and max(len(before), len(after)) > _SHORT:
        yield head + place
        yield "    " + style.paint(f"- {before}", _COLORS[ChangeKind.REMOVED])
        yield "    " + style.paint(f"+ {after}", _COLORS[ChangeKind.ADDED])
    elif change.kind is ChangeKind.CHANGED:
        yield f"{head}: {before} -> {after}{place}"
    else:
        yield f"{head}: {after if change.kind is ChangeKind.ADDED else before}{place}"


def _place(change: ValueChange) -> str:
    before, after = change.places
    known = [safe(place) for place in (before, after) if place]
    return f"  ({' -> '.join(known)})" if known else ""


def _shown(value: Any) -> str:
    return safe(json.dumps(value, ensure_ascii=False))


def _script_name(script: ScriptChange) -> str:
    sign = "" if script.kind is ChangeKind.CHANGED else _SIGNS[script.kind]
    return sign + safe(script.file)


def _consequence_lines(claim: str, found: Consequence, style: Style) -> Iterator[str]:
    answer = style.paint(found.answer, _ANSWER_COLORS[found.answer])
    yield f"{claim}: {answer}"
    for reason in found.reasons[:_MOST_REASONS]:
        yield f"    {safe(reason)}"
    if (more := len(found.reasons) - _MOST_REASONS) > 0:
        yield f"    and {more} more"
