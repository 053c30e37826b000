"""A lock beside a spec: what is no longer as it was locked."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from softprompt_compiler.catalogue import lock as rules
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.lock.content import (
    MODEL_PARTS,
    Files,
    Lock,
    LockError,
    lock_of,
    parse_lock,
)
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.source import SourceFile, Span
from softprompt_compiler.tree import ScalarNode
from softprompt_compiler.world import World
from softprompt_plan.plan import Plan

_LONGEST = 60  # characters of a value that are shown
_LOCK_AGAIN = "if that is meant, lock it again: `spec lock {spec}`"
_ABSENT = "not there"


def check_lock(
    plan: Plan, resolved: ResolvedSpec, source: SourceFile, world: World
) -> list[Diagnostic]:
    """What of a sound spec differs from its lock, whose text is `source`."""
    try:
        locked = parse_lock(source.text)
    except LockError as error:
        hint = f"write it again: `spec lock {shlex.quote(resolved.tree.source.name)}`"
        return [rules.LOCK_UNREADABLE.at(source.span(0), reason=str(error), help=hint)]
    try:
        found = lock_of(plan, resolved, world, whole_weights=locked.whole_weights)
    except OSError as error:
        reason = f"{error.filename} cannot be read: {error.strerror}"
        span = resolved.tree.root.key_span
        return [rules.LOCK_NOT_CHECKED.at(span, what="files", reason=reason)]
    return list(_Comparison(resolved, source, locked, found).differences())


class _Comparison:
    """A lock, and what is there now."""

    def __init__(self, resolved: ResolvedSpec, source: SourceFile, locked: Lock, found: Lock):
        self._resolved = resolved
        self._source = source
        self._locked = locked
        self._found = found
        self._again = _LOCK_AGAIN.format(spec=shlex.quote(resolved.tree.source.name))

    def differences(self) -> Iterator[Diagnostic]:
        """A diagnostic for each."""
        yield from self._values()
        yield from self._data()
        yield from self._model()
        yield from self._versions()

    def _values(self) -> Iterator[Diagnostic]:
        locked, found = self._locked.values, self._found.values
        for key in [*found, *(key for key in locked if key not in found)]:
            if key in locked and key in found and locked[key] == found[key]:
                continue
            yield rules.LOCKED_VALUE_DIFFERS.at(
                self._place(key),
                labels=self._label(key, "locked here") if key in locked else (),
                key=key,
                found=_shown(found[key]) if key in found else _ABSENT,
                locked=_shown(locked[key]) if key in locked else "nothing",
                help=self._again,
            )

    def _place(self, key: str) -> Span:
        """Where the spec says a value: names may hold dots, so the path is tried step by step."""
        node, rest = self._resolved.tree.root, key
        span = node.key_span
        while rest:
            children = {name.text: (name, value) for name, value in getattr(node, "entries", ())}
            steps = [name for name in children if rest == name or rest.startswith(f"{name}.")]
            if not steps:
                return span
            name, node = children[max(steps, key=len)]
            rest = rest[len(name.text) + 1 :]
            span = node.span if isinstance(node, ScalarNode) and node.span.text else name.span
        return span

    def _data(self) -> Iterator[Diagnostic]:
        for task, split in {**self._locked.data, **self._found.data}:
            locked = self._locked.data.get((task, split))
            found = self._found.data.get((task, split))
            place = self._resolved.place("tasks", task, "data", split)
            if found == () or locked == ():
                yield self._not_checked(place, f"the {split} data of task `{task}`")
            if locked == found or () in (locked, found):
                continue
            yield rules.LOCKED_DATA_DIFFERS.at(
                place,
                split=split,
                task=task,
                notes=list(_file_notes(locked or (), found or ())),
                help=["bring back the files that were locked", self._again],
            )

    def _model(self) -> Iterator[Diagnostic]:
        place = self._resolved.place("model", "source")
        unknown = [part for part in MODEL_PARTS if None in self._digests_of(part)]
        if unknown:
            parts = "" if len(unknown) == len(MODEL_PARTS) else f"'s {' and '.join(unknown)}"
            yield self._not_checked(place, f"the base model{parts}")
        for part in MODEL_PARTS:
            locked, found = self._digests_of(part)
            if locked is None or found is None or locked == found:
                continue
            yield rules.LOCKED_MODEL_DIFFERS.at(
                place,
                labels=self._label(part, "locked here"),
                part=part,
                notes=_digests(f"the {part}", locked, found),
                help=["take the model that was locked", self._again],
            )

    def _digests_of(self, part: str) -> tuple[str | None, str | None]:
        return self._locked.model[part], self._found.model[part]

    def _versions(self) -> Iterator[Diagnostic]:
        """A package that is not here decides nothing here: checks in CI need no torch."""
        for package, found in self._found.versions.items():
            locked = self._locked.versions.get(package)
            if found is None or found == locked:
                continue
            install = f"install it: `pip install '{package}=={locked}'`"
            span = self._label(package, "")[0].span if package in self._locked.versions else None
            yield rules.LOCKED_VERSION_DIFFERS.at(
                span or self._source.span(0),
                package=package,
                found=found,
                locked=locked or "none",
                help=[*([install] if locked and package != "python" else []), self._again],
            )

    def _not_checked(self, place: Span, what: str) -> Diagnostic:
        reason = "it is not here, or was not where it was locked"
        return rules.LOCK_NOT_CHECKED.at(place, what=what, reason=reason)

    def _label(self, key: str, text: str) -> list[Label]:
        """Where the lock has a key."""
        quoted = json.dumps(key, ensure_ascii=False)
        start = self._source.text.find(f"{quoted}: ")
        return [Label(span=self._source.span(start, start + len(quoted)), text=text)]


def _file_notes(locked: Files, found: Files) -> Iterator[str]:
    before, after = dict(locked), dict(found)
    for name in {**before, **after}:
        if name not in after:
            yield f"`{name}` was locked, and is not among the files"
        elif name not in before:
            yield f"`{name}` is among the files, and was not locked"
        elif before[name] != after[name]:
            yield _digests(f"`{name}`", before[name], after[name])
    if sorted(locked) == sorted(found) and len(before) == len(after):
        yield "the files stand in another order"


def _digests(what: str, locked: str, found: str) -> str:
    return f"{what} has sha256 {found:.12}..., and {locked:.12}... was locked"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
