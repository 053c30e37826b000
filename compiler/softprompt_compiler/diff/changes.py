"""The values, data and scripts in which two sides differ."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from softprompt_compiler.diff.side import PLAN_FILE, Side
from softprompt_plan.identity import Key, decides_result, plan_values
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import Split

# What scripts say of the spec's text and place, and no value of the run: a comment changes it.
_HEAD = re.compile(r"# (?:Spec sha256|Compiled by) .*|SPEC_FOLDER = .*")


class ChangeKind(StrEnum):
    """What happened to a value or a file."""

    CHANGED = "changed"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class ValueChange:
    """A value of the plan. places: of both sides, where known (`squad.yaml:12`, `default`).

    decides_result: whether a training with the one value is another than with the other.
    """

    key: str
    kind: ChangeKind
    before: Any
    after: Any
    places: tuple[str | None, str | None]
    decides_result: bool


@dataclass(frozen=True, kw_only=True)
class DataChange:
    """The files of a split that are of the same paths and of other content."""

    task: str
    split: Split


@dataclass(frozen=True, kw_only=True)
class ScriptChange:
    """An emitted file. lines: a unified diff."""

    file: str
    kind: ChangeKind
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """All in which `b` differs from `a`.

    model_files: whether config or tokenizer of the base model have another content. scripts: None
    where one side has no scripts.
    """

    a: Side
    b: Side
    values: tuple[ValueChange, ...]
    data: tuple[DataChange, ...]
    model_files: bool
    scripts: tuple[ScriptChange, ...] | None

    @property
    def is_none(self) -> bool:
        """Whether nothing differs."""
        return not (self.values or self.data or self.model_files or self.scripts)


def difference(a: Side, b: Side) -> Difference:
    """What differs from one side to the other. Total."""
    return Difference(
        a=a,
        b=b,
        values=tuple(_value_changes(a, b)),
        data=tuple(_data_changes(a, b)),
        model_files=a.model is not None and b.model is not None and a.model != b.model,
        scripts=None if a.scripts is None or b.scripts is None else tuple(_script_changes(a, b)),
    )


def _value_changes(a: Side, b: Side) -> Iterator[ValueChange]:
    before, after = _shown_values(a.plan), _shown_values(b.plan)
    both = {*before} & {*after}
    for key in [*before, *(key for key in after if key not in before)]:
        if key in both and before[key] == after[key]:
            continue
        if _is_inside_other(key, before, after):
            continue
        kind = ChangeKind.CHANGED
        if key not in both:
            kind = ChangeKind.REMOVED if key in before else ChangeKind.ADDED
        yield ValueChange(
            key=".".join(key),
            kind=kind,
            before=before.get(key),
            after=after.get(key),
            places=(_place(a, key), _place(b, key)),
            decides_result=decides_result(key),
        )


def _shown_values(plan: Plan) -> dict[Key, Any]:
    """The values, and each task as one value too, in the plan's order."""
    values: dict[Key, Any] = {}
    tasks: dict[str, dict[str, Any]] = {}
    for key, value in plan_values(plan).items():
        if key[0] == "tasks" and len(key) > 2:
            task = tasks.setdefault(key[1], {})
            task[".".join(key[2:])] = value
            values.setdefault(key[:2], task)
        if key != ("format",) and key[2:] != ("name",):
            values[key] = value
    return values


def _is_inside_other(key: Key, before: dict[Key, Any], after: dict[Key, Any]) -> bool:
    """Whether another change says the same: a task that is new, or one value of a changed task."""
    if key == ("tasks",):  # only an order that changed says more than the tasks that came and went
        kept = [name for name in before[key] if name in after[key]]
        return kept == [name for name in after[key] if name in before[key]]
    if key[0] == "tasks":
        is_task, task = len(key) == 2, key[:2]
        in_both = task in before and task in after
        return in_both if is_task else not in_both
    # `early_stopping: null` beside `early_stopping.patience: 3` of the other side
    other = after if key in before else before
    return key not in other and any(each[: len(key)] == key for each in other)


def _place(side: Side, key: Key) -> str | None:
    place = side.places.get(".".join(key))
    if place is None and key[0] == "tasks" and len(key) == 2:
        place = side.places.get(".".join((*key, "name")))
    return place


def _data_changes(a: Side, b: Side) -> Iterator[DataChange]:
    if a.data is None or b.data is None:
        return
    for task, split in a.data:
        if (task, split) in b.data and a.data[task, split] != b.data[task, split]:
            yield DataChange(task=task, split=split)


def _script_changes(a: Side, b: Side) -> Iterator[ScriptChange]:
    assert a.scripts is not None
    assert b.scripts is not None
    for file in [*a.scripts, *(file for file in b.scripts if file not in a.scripts)]:
        before, after = a.scripts.get(file), b.scripts.get(file)
        if file == PLAN_FILE or _body(before) == _body(after):
            continue
        kind = ChangeKind.CHANGED
        if before is None or after is None:
            kind = ChangeKind.ADDED if before is None else ChangeKind.REMOVED
        lines = difflib.unified_diff(
            _body(before), _body(after), f"{a.name}:{file}", f"{b.name}:{file}", lineterm=""
        )
        yield ScriptChange(file=file, kind=kind, lines=tuple(lines))


def _body(text: str | None) -> Sequence[str]:
    """The lines of a script without those that tell what text it was compiled from, and where."""
    if text is None:
        return ()
    return [line for line in text.splitlines() if not _HEAD.fullmatch(line)]
