"""`spec validate`."""

import os
import sys
from typing import Annotated

import typer

from softprompt_compiler.cli.options import Color, ColorChoice, Format, NoData, Settings
from softprompt_compiler.cli.output import is_for_people, put, show, style_for
from softprompt_compiler.cli.spec_file import read_spec
from softprompt_compiler.diagnostic import Severity, has_errors
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.report import Report


def validate(
    specs: Annotated[
        list[str],
        typer.Argument(metavar="SPEC", help="Specs: YAML files, or `-` for standard input."),
    ],
    settings: Settings = None,
    no_data: NoData = False,
    output_format: Format = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Say whether specs and their data are right.

    All faults are told at once, each with its code, its place, and what to type instead.
    `spec explain CODE` says more about one.
    """
    reports = [report_on(spec, settings or [], read_data=not no_data) for spec in specs]
    show(reports, output_format, color)
    if is_for_people(output_format):
        for each in reports:
            _show_data(each, color, with_name=len(reports) > 1)
        sound = [each for each in reports if not has_errors(each.diagnostics)]
        put("".join(f"{_praise(each)}\n" for each in sound))
    failed = any(has_errors(each.diagnostics) for each in reports)
    raise typer.Exit(1 if failed else 0)


def report_on(spec: str, settings: list[str], *, read_data: bool) -> Report:
    """Everything that is to be said about one spec."""
    file = read_spec(spec)
    if file.diagnostics:
        return Report.of(spec, file.diagnostics)
    from softprompt_compiler.pipeline import check_spec
    from softprompt_compiler.world import LocalWorld

    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    checked = check_spec(file.source, settings, world, read_data=read_data)
    return Report.of(spec, checked.diagnostics, checked.data)


def _show_data(report: Report, color: ColorChoice, *, with_name: bool) -> None:
    """Print what the rows are like, if there are any."""
    if report.data is None or not any(split.num_rows for split in report.data.splits):
        return
    from softprompt_compiler.render.data_table import render

    heading = f"{safe(report.spec)}\n\n" if with_name else ""
    put(f"{heading}{render(report.data, style_for(sys.stdout, color, os.environ))}\n")


def _praise(report: Report) -> str:
    warnings = report.count(Severity.WARNING)
    return f"{report.spec}: sound" + (", with warnings" if warnings else "")
