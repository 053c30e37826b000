"""`spec compile`, and the compiling that every command in front of a run does."""

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softprompt_compiler.cli.folder import stale_files, write_files
from softprompt_compiler.cli.lock_file import read_lock
from softprompt_compiler.cli.options import (
    Color,
    ColorChoice,
    Format,
    Locked,
    NoData,
    Out,
    OutputFormat,
    Settings,
    SpecArgument,
    Strict,
)
from softprompt_compiler.cli.output import complain, is_for_people, put, show
from softprompt_compiler.cli.spec_file import SpecFile, read_spec
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile

if TYPE_CHECKING:
    from softprompt_plan.plan import Plan


@dataclass(frozen=True, kw_only=True)
class Emitted:
    """A compiled spec: its files, the folder they belong in, and its plan."""

    files: dict[str, str]
    folder: Path
    spec_folder: Path
    plan: "Plan"


def compile_(  # noqa: PLR0913, PLR0917 an argument an option
    spec: SpecArgument,
    out: Out = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if what is there is stale.")
    ] = False,
    settings: Settings = None,
    no_data: NoData = False,
    strict: Strict = False,
    locked: Locked = False,
    output_format: Format = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Write a spec's scripts, plan and manifest."""
    emitted = emit(
        spec,
        out,
        settings or [],
        read_data=not no_data,
        strict=strict,
        locked=locked,
        output_format=output_format,
        color=color,
    )
    if check:
        raise typer.Exit(_report_stale(spec, emitted, quiet=not is_for_people(output_format)))
    write_files(emitted.folder, emitted.files)
    if is_for_people(output_format):
        put(f"{emitted.folder}: {', '.join(emitted.files)}\n")


def emit(
    spec: str,
    out: str | None,
    settings: list[str],
    *,
    read_data: bool = True,
    strict: bool = False,
    locked: bool = False,
    output_format: OutputFormat | None = None,
    color: ColorChoice = ColorChoice.AUTO,
) -> Emitted:
    """Compile a spec and show what was found. Raises typer.Exit(1) if it has errors.

    strict: or warnings. locked: or differs from its lock.
    """
    lock, fault = read_lock(spec) if locked else (None, None)
    file = read_spec(spec)
    if fault:
        file = replace(file, diagnostics=(*file.diagnostics, fault))
    emitted, report = _compile(spec, file, out, settings, read_data=read_data, lock=lock)
    show([report], output_format, color, strict=strict)
    if emitted is None or report.fails(strict=strict):
        raise typer.Exit(1)
    return emitted


def _compile(
    spec: str,
    file: SpecFile,
    out: str | None,
    settings: list[str],
    *,
    read_data: bool,
    lock: SourceFile | None,
) -> tuple[Emitted | None, Report]:
    if file.diagnostics:
        return None, Report.of(spec, file.diagnostics)
    from softprompt_compiler.pipeline import compile_spec
    from softprompt_compiler.world import LocalWorld

    folder = Path(out) if out else Path("build") / _run_name(file, settings)
    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    relative = os.path.relpath(os.path.realpath(file.folder), os.path.realpath(folder))
    compiled = compile_spec(
        file.source,
        settings,
        world,
        spec_folder=Path(relative).as_posix(),
        read_data=read_data,
        lock=lock,
    )
    report = Report.of(spec, compiled.diagnostics, compiled.data, compiled.ignored)
    if compiled.files is None or compiled.plan is None:
        return None, report
    emitted = Emitted(
        files=compiled.files,
        folder=folder,
        spec_folder=file.folder,
        plan=compiled.plan,
    )
    return emitted, report


def _run_name(file: SpecFile, settings: list[str]) -> str:
    """The spec's name, before anything is checked: where its scripts lie is part of them."""
    from softprompt_compiler.pipeline import read_tree
    from softprompt_compiler.tree import ScalarNode

    tree, _ = read_tree(file.source, settings)
    name = tree.root.get("name") if tree else None
    return name.text if isinstance(name, ScalarNode) else "unnamed"


def _report_stale(spec: str, emitted: Emitted, *, quiet: bool) -> int:
    stale = stale_files(emitted.folder, emitted.files)
    if not stale:
        if not quiet:
            put(f"{emitted.folder}: up to date\n")
        return 0
    names = ", ".join(str(emitted.folder / name) for name in stale)
    complain(f"stale: {names}", f"write them again: spec compile {spec} --out {emitted.folder}")
    return 1
