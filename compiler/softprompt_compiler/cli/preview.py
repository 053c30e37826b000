"""`spec preview`."""

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.options import Color, ColorChoice, OutputFormat, Settings, SpecArgument
from softprompt_compiler.cli.output import put, show, style_for
from softprompt_compiler.cli.spec_file import read_spec
from softprompt_compiler.diagnostic import Severity
from softprompt_compiler.render.report import Report
from softprompt_plan.vocabulary import Split

if TYPE_CHECKING:
    from softprompt_compiler.preview import Preview
    from softprompt_compiler.preview_choice import Chosen, RowPlace
    from softprompt_compiler.resolved import ResolvedSpec
    from softprompt_compiler.world import World
    from softprompt_plan.plan import Plan, TaskPlan
    from softprompt_plan.tokenization import TracingTokenizer


_ROWS = 3  # of each task, where nothing else is asked for


class PreviewFormat(StrEnum):
    """How rows are shown."""

    HUMAN = "human"
    HTML = "html"
    JSON = "json"


def preview(
    spec: SpecArgument,
    split: Annotated[Split, typer.Option(help="Which part of the data.")] = Split.TRAIN,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="N|all",
            help=f"How many rows of each task, from the first. By default {_ROWS}.",
            show_default=False,
        ),
    ] = None,
    lines: Annotated[
        list[str] | None,
        typer.Option(
            "--row",
            metavar="[FILE:]LINE",
            help="The row that begins at this line of a data file, from 1. Can be repeated.",
        ),
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="Rows of this task only.", show_default=False)
    ] = None,
    output_format: Annotated[
        PreviewFormat,
        typer.Option("--output-format", "-o", help="For people, as a web page, or for tools."),
    ] = PreviewFormat.HUMAN,
    settings: Settings = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Show rows as the model sees them.

    Virtual tokens, the borders of tokens, what is cut away, and which tokens count in the loss.
    Rows of the test split are shown as the prompts that the model is asked.
    """
    if rows is not None and lines:
        help = "--row alone shows the rows that it names"
        raise CommandFailure("--rows and --row are both given", help=help, exit_code=2)
    most, places = _most(str(_ROWS) if rows is None else rows), _places(lines or [])
    opened = _open(spec, settings or [], color)
    tasks = _tasks(opened, split, task)
    found = _preview(spec, opened, split, _chosen(opened, tasks, split, most, places))
    for text in _rendered(found, output_format, color):
        put(text)


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A sound spec, and what its rows are encoded with."""

    plan: "Plan"
    resolved: "ResolvedSpec"
    tokenizer: "TracingTokenizer"
    world: "World"


def _most(rows: str) -> int | None:
    if rows == "all":
        return None
    if not (rows.isascii() and rows.isdecimal()) or int(rows) == 0:
        raise CommandFailure(f"--rows is `{rows}`", help="give a number, or `all`", exit_code=2)
    return int(rows)


def _places(lines: Sequence[str]) -> "list[RowPlace]":
    from softprompt_compiler.preview_choice import RowPlace

    try:
        return [RowPlace.parse(line) for line in lines]
    except ValueError as error:
        help = "give a line number from 1, or FILE:LINE"
        raise CommandFailure(f"--row is `{error}`", help=help, exit_code=2) from None


def _open(spec: str, settings: list[str], color: ColorChoice) -> _Opened:
    """The spec, checked without its data. Shows what was found; raises typer.Exit(1) for errors."""
    file = read_spec(spec)
    if file.diagnostics:
        show([Report.of(spec, file.diagnostics)], OutputFormat.HUMAN, color)
        raise typer.Exit(1)
    from softprompt_compiler.data_tokenizer import load_tokenizer
    from softprompt_compiler.pipeline import check_spec
    from softprompt_compiler.world import LocalWorld

    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    checked = check_spec(file.source, settings, world)
    found, tokenizer = list(checked.diagnostics), None
    if checked.resolved is not None:
        tokenizer, faults = load_tokenizer(checked.resolved, world, decodes=True)
        found += faults
    report = Report.of(spec, found)
    show([report], OutputFormat.HUMAN, color)
    if checked.plan is None or checked.resolved is None or report.count(Severity.ERROR):
        raise typer.Exit(1)
    if tokenizer is None:
        source = checked.plan.model.source
        raise CommandFailure(f"the tokenizer of {source} is not on this machine")
    return _Opened(plan=checked.plan, resolved=checked.resolved, tokenizer=tokenizer, world=world)


def _tasks(opened: _Opened, split: Split, wanted: str | None) -> "list[TaskPlan]":
    from softprompt_compiler.split_rows import files_of

    plan = opened.plan
    names = [task.name for task in plan.tasks]
    if wanted is not None and wanted not in names:
        help = f"give --task, one of: {', '.join(names)}"
        raise CommandFailure(f"the spec has no task {wanted}", help=help, exit_code=2)
    asked = [task for task in plan.tasks if wanted in (None, task.name)]
    found = [task for task in asked if files_of(opened.resolved, task, split) is not None]
    if not found:
        whose = "no task" if wanted is None else f"the task {wanted}"
        verb = "has" if wanted is None else "has no"
        raise CommandFailure(f"{whose} {verb} {split} data")
    return found


def _chosen(
    opened: _Opened,
    tasks: "Sequence[TaskPlan]",
    split: Split,
    most: int | None,
    places: "Sequence[RowPlace]",
) -> "Iterable[Chosen]":
    from softprompt_compiler.preview_choice import NoSuchRowError, first_rows, rows_at

    if not places:
        return first_rows(opened.resolved, tasks, split, most)
    try:
        return rows_at(opened.resolved, tasks, split, places, opened.world)
    except NoSuchRowError as error:
        raise CommandFailure(error.message, help=error.help) from None


def _preview(spec: str, opened: _Opened, split: Split, chosen: "Iterable[Chosen]") -> "Preview":
    from softprompt_compiler.preview import Preview, preview_rows, special_texts

    return Preview(
        spec=spec,
        split=split,
        special=special_texts(opened.tokenizer),
        rows=preview_rows(opened.plan, split, chosen, opened.tokenizer, opened.world),
    )


def _rendered(found: "Preview", output_format: PreviewFormat, color: ColorChoice) -> Iterator[str]:
    match output_format:
        case PreviewFormat.HUMAN:
            from softprompt_compiler.render import preview_text

            return preview_text.render(found, style_for(sys.stdout, color, os.environ))
        case PreviewFormat.HTML:
            from softprompt_compiler.render import preview_html

            return preview_html.render(found)
        case PreviewFormat.JSON:
            from softprompt_compiler.render import preview_json

            return preview_json.render(found)
