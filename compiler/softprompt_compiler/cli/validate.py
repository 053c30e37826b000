"""`spec validate`."""

import os
import sys
from typing import Annotated

import typer

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.options import (
    Color,
    ColorChoice,
    Format,
    Locked,
    NoData,
    OutputFormat,
    Settings,
    Strict,
)
from softprompt_compiler.cli.output import is_for_people, put, show, style_for
from softprompt_compiler.cli.spec_file import STANDARD_INPUT, SpecFile, read_spec
from softprompt_compiler.diagnostic import Diagnostic, Severity
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile


def validate(  # noqa: PLR0913, PLR0917 an argument an option
    specs: Annotated[
        list[str],
        typer.Argument(metavar="SPEC", help="Specs: YAML files, or `-` for standard input."),
    ],
    settings: Settings = None,
    no_data: NoData = False,
    strict: Strict = False,
    locked: Locked = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Write the fixes that are sure into the specs, then check."),
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what --fix would change, and write nothing.")
    ] = False,
    output_format: Format = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Say whether specs and their data are right.

    All faults are told at once, each with its code, its place, and what to type instead.
    `spec explain CODE` says more about one.
    """
    if diff and (fix or not is_for_people(output_format)):
        other = "--fix" if fix else f"-o {output_format}"
        raise CommandFailure(f"--diff cannot stand beside {other}", exit_code=2)
    if fix and STANDARD_INPUT in specs:
        raise CommandFailure(
            "there is no file to write the fixes of standard input into",
            help="name the file, or print the changes: spec validate - --diff",
            exit_code=2,
        )
    locks = _locks(specs) if locked else {}
    files = {spec: read_spec(spec) for spec in specs}
    changes = _diffs(files, settings or []) if diff else ""
    if fix:
        files = _fixed(files, settings or [], output_format)
    reports = [
        report_on(spec, file, settings or [], read_data=not no_data, lock=locks.get(spec))
        for spec, file in files.items()
    ]
    show(reports, output_format, color, strict=strict)
    failed = [each for each in reports if each.fails(strict=strict)]
    if diff:
        put(changes)
        raise typer.Exit(1 if failed or changes else 0)
    if is_for_people(output_format):
        for each in reports:
            _show_data(each, color, with_name=len(reports) > 1)
        put("".join(f"{_praise(each)}\n" for each in reports if each not in failed))
    raise typer.Exit(1 if failed else 0)


def report_on(
    spec: str,
    file: SpecFile,
    settings: list[str],
    *,
    read_data: bool,
    lock: tuple[SourceFile, Diagnostic | None] | None = None,
) -> Report:
    """Everything that is to be said about one spec. lock: with what is wrong with it, if asked."""
    text, fault = lock or (None, None)
    if faults := [*file.diagnostics, *([fault] if fault else [])]:
        return Report.of(spec, faults)
    from softprompt_compiler.pipeline import check_spec
    from softprompt_compiler.world import LocalWorld

    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    checked = check_spec(file.source, settings, world, read_data=read_data, lock=text)
    return Report.of(spec, checked.diagnostics, checked.data, checked.ignored)


def _locks(specs: list[str]) -> dict[str, tuple[SourceFile, Diagnostic | None]]:
    from softprompt_compiler.cli.lock_file import read_lock

    return {spec: read_lock(spec) for spec in specs}


def _fixed(
    files: dict[str, SpecFile], settings: list[str], output_format: OutputFormat | None
) -> dict[str, SpecFile]:
    """Write the sure fixes, and say which."""
    from softprompt_compiler.cli.fix import fix_file

    mended: dict[str, SpecFile] = {}
    for spec, file in files.items():
        mended[spec], lines = fix_file(spec, file, settings)
        told = "".join(f"{line}\n" for line in lines)
        if is_for_people(output_format):
            put(told)
        else:
            sys.stderr.write(told)
    return mended


def _diffs(files: dict[str, SpecFile], settings: list[str]) -> str:
    from softprompt_compiler.cli.fix import diff_of

    return "".join(diff_of(file, settings) for file in files.values())


def _show_data(report: Report, color: ColorChoice, *, with_name: bool) -> None:
    """Print what the rows are like, if there are any."""
    if report.data is None or not any(split.num_rows for split in report.data.splits):
        return
    from softprompt_compiler.render.data_table import render
    from softprompt_compiler.render.display import safe

    heading = f"{safe(report.spec)}\n\n" if with_name else ""
    put(f"{heading}{render(report.data, style_for(sys.stdout, color, os.environ))}\n")


def _praise(report: Report) -> str:
    warnings = report.count(Severity.WARNING)
    ignored = f", {len(report.ignored)} ignored" if report.ignored else ""
    return f"{report.spec}: sound" + (", with warnings" if warnings else "") + ignored
