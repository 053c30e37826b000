"""The compiler on one page: source text in; diagnostics and artefacts out.

    parse -> settings -> bind -> resolve -> check -> lower -> check data -> emit

Nothing is read here but through `world`, and nothing is written. A phase that cannot go on without
a sound result of the one before it ends the pipeline; all others report what they can, so that one
pass shows every independent fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING

from softprompt_compiler.bind import bind
from softprompt_compiler.check.rules import check
from softprompt_compiler.diagnostic import Diagnostic, has_errors, in_source_order
from softprompt_compiler.ignore_comments import may_ignore
from softprompt_compiler.parse import parse
from softprompt_compiler.resolve import resolve
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import Tree
from softprompt_compiler.world import World

if TYPE_CHECKING:
    from softprompt_compiler.data_report import DataReport
    from softprompt_compiler.ignoring import Ignored
    from softprompt_plan.plan import Plan

# What only a sound spec needs is imported when it is needed: most calls are about a spec that is
# being written.


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A spec that has been checked: `resolved` and `plan` are there if it has no errors.

    data: what the rows are like, if they were read. ignored: what comments of the spec silence.
    """

    resolved: ResolvedSpec | None
    diagnostics: tuple[Diagnostic, ...]
    data: "DataReport | None" = None
    ignored: "tuple[Ignored, ...]" = ()

    @cached_property
    def plan(self) -> "Plan | None":
        """The plan of a sound spec. Made when it is asked for: that cannot fail."""
        from softprompt_compiler.lower import lower

        return None if self.resolved is None else lower(self.resolved)


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """File name -> text of a compiled spec; None if it has errors."""

    files: dict[str, str] | None
    plan: "Plan | None"
    diagnostics: tuple[Diagnostic, ...]
    data: "DataReport | None" = None
    ignored: "tuple[Ignored, ...]" = ()


def check_spec(
    source: SourceFile,
    settings: Sequence[str],
    world: World,
    *,
    read_data: bool = False,
    lock: SourceFile | None = None,
) -> Checked:
    """Everything that can be said about a spec. Raises nothing for its faults or its world's.

    settings: the texts of `--set`, `KEY=VALUE`. read_data: whether to read the rows of a spec that
    is otherwise sound. lock: what such a spec must agree with.
    """
    checked = _check(source, settings, world, read_data=read_data)
    if lock is not None:
        checked = _compare(checked, lock, world)
    tree = parse(source).tree if may_ignore(source) else None
    if tree is None:
        return checked
    from softprompt_compiler.ignoring import judge

    judged = judge(tree, checked.diagnostics)
    ordered = tuple(in_source_order(judged.diagnostics))
    return replace(checked, diagnostics=ordered, ignored=judged.ignored)


def _check(
    source: SourceFile, settings: Sequence[str], world: World, *, read_data: bool
) -> Checked:
    checked = _check_fields(source, settings, world)
    if not read_data or checked.plan is None or checked.resolved is None:
        return checked
    from softprompt_compiler.data_check import check_data  # loads the tokenizers library
    from softprompt_compiler.data_tables import without_unopened

    opened, unopened = without_unopened(checked.resolved)
    data = check_data(checked.plan, opened, world)
    ordered = tuple(in_source_order([*checked.diagnostics, *unopened, *data.diagnostics]))
    if has_errors(ordered):
        return Checked(resolved=None, diagnostics=ordered, data=data)
    return replace(checked, diagnostics=ordered, data=data)


def compile_spec(
    source: SourceFile,
    settings: Sequence[str],
    world: World,
    *,
    spec_folder: str,
    read_data: bool = False,
    lock: SourceFile | None = None,
) -> Compiled:
    """The emitted files of a spec.

    spec_folder: path from the folder of the emitted files to the spec's, with forward slashes.
    """
    checked = check_spec(source, settings, world, read_data=read_data, lock=lock)
    told = Compiled(
        files=None,
        plan=None,
        diagnostics=checked.diagnostics,
        data=checked.data,
        ignored=checked.ignored,
    )
    if checked.plan is None or checked.resolved is None:
        return told
    from softprompt_compiler.emit import Origin, emit  # loads Jinja2
    from softprompt_compiler.manifest import manifest, manifest_json, text_digest

    origin = Origin(
        spec_name=PurePath(source.name).name,
        spec_digest=text_digest(source),
        spec_folder=spec_folder,
        settings=tuple(settings),
    )
    content = manifest(checked.plan, checked.resolved, settings, world)
    files = {**emit(checked.plan, origin), "manifest.json": manifest_json(content)}
    return replace(told, files=files, plan=checked.plan)


def _compare(checked: Checked, lock: SourceFile, world: World) -> Checked:
    """With what a lock says of it, if it is sound."""
    if checked.plan is None or checked.resolved is None:
        return checked
    from softprompt_compiler.lock.check import check_lock

    found = check_lock(checked.plan, checked.resolved, lock, world)
    ordered = tuple(in_source_order([*checked.diagnostics, *found]))
    if has_errors(found):
        return Checked(resolved=None, diagnostics=ordered, data=checked.data)
    return replace(checked, diagnostics=ordered)


def _check_fields(source: SourceFile, settings: Sequence[str], world: World) -> Checked:
    tree, found = read_tree(source, settings)
    if tree is None:
        return Checked(resolved=None, diagnostics=tuple(in_source_order(found)))
    bound = bind(tree)
    resolution = resolve(tree, bound.spec, world)
    found += [*bound.diagnostics, *resolution.diagnostics, *check(resolution.resolved)]
    ordered = tuple(in_source_order(found))
    if has_errors(ordered):
        return Checked(resolved=None, diagnostics=ordered)
    return Checked(resolved=resolution.resolved, diagnostics=ordered)


def read_tree(source: SourceFile, settings: Sequence[str]) -> tuple[Tree | None, list[Diagnostic]]:
    """The spec's tree with the settings merged in; None if there is nothing to go on with."""
    parsed = parse(source)
    found = list(parsed.diagnostics)
    if not settings:
        return parsed.tree, found
    from softprompt_compiler.settings import merge, parse_setting

    read = [parse_setting(text, index) for index, text in enumerate(settings, start=1)]
    found += [diagnostic for _, faults in read for diagnostic in faults]
    if parsed.tree is None:
        return None, found
    tree, faults = merge(parsed.tree, [setting for setting, _ in read if setting is not None])
    return tree, [*found, *faults]
