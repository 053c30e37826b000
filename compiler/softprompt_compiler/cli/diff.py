"""`spec diff`."""

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.options import Color, ColorChoice, OutputFormat, Settings
from softprompt_compiler.cli.output import put, show, style_for
from softprompt_compiler.cli.spec_file import STANDARD_INPUT, read_spec
from softprompt_compiler.cli.text_file import read_text_file
from softprompt_compiler.render.report import Report

if TYPE_CHECKING:
    from softprompt_compiler.diff.side import Side

_EXIT_SAME, _EXIT_DIFFERENT, _EXIT_TROUBLE = 0, 1, 2  # those of `diff`
_PLACE = "A spec, a folder of compiled scripts, or a plan.json"


class DiffFormat(StrEnum):
    """How differences are printed."""

    HUMAN = "human"
    JSON = "json"


def diff(
    a: Annotated[str, typer.Argument(metavar="A", help=f"{_PLACE}.")],
    b: Annotated[str, typer.Argument(metavar="B", help=f"{_PLACE}.")],
    scripts: Annotated[
        bool, typer.Option("--scripts", help="Show the lines in which the scripts differ.")
    ] = False,
    settings: Settings = None,
    output_format: Annotated[
        DiffFormat, typer.Option("--output-format", "-o", help="How differences are printed.")
    ] = DiffFormat.HUMAN,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Say what changes from one spec to another.

    Values of the run with their places, content of the data, emitted scripts; whether checkpoints
    of A go on as B, and whether a soft prompt that A trained serves B. `--set` holds for both.
    Exits like `diff`: 0 if nothing differs, 1 if something does, 2 if there is nothing to compare.
    """
    _refuse_what_would_be_ignored(a, b, scripts=scripts, settings=settings, to=output_format)
    sides = [_side(name, settings or []) for name in (a, b)]
    show([each for each in sides if isinstance(each, Report)], OutputFormat.HUMAN, color)
    before, after = sides
    if isinstance(before, Report) or isinstance(after, Report):
        raise typer.Exit(_EXIT_TROUBLE)
    from softprompt_compiler.diff.changes import difference

    found = difference(before, after)
    if output_format is DiffFormat.JSON:
        from softprompt_compiler.render import diff_json

        put(diff_json.render(found))
    else:
        from softprompt_compiler.render import diff_text

        put(diff_text.render(found, style_for(sys.stdout, color, os.environ), scripts=scripts))
    raise typer.Exit(_EXIT_SAME if found.is_none else _EXIT_DIFFERENT)


def _refuse_what_would_be_ignored(
    a: str, b: str, *, scripts: bool, settings: list[str] | None, to: DiffFormat
) -> None:
    if a == b == STANDARD_INPUT:
        raise CommandFailure("standard input is one spec, not two", exit_code=_EXIT_TROUBLE)
    if settings and not (_is_spec(a) or _is_spec(b)):
        raise CommandFailure(
            "--set changes a spec, and these are compiled already", exit_code=_EXIT_TROUBLE
        )
    if scripts and to is DiffFormat.JSON:
        raise CommandFailure(
            "--scripts is for people: JSON holds the lines anyway", exit_code=_EXIT_TROUBLE
        )


def _is_spec(name: str) -> bool:
    return not name.endswith(".json") and not os.path.isdir(name)


def _side(name: str, settings: list[str]) -> "Side | Report":
    """One side, or what is wrong with its spec."""
    from softprompt_compiler.diff.side import PLAN_FILE, SideError, side_of

    if _is_spec(name):
        return _compiled_side(name, settings)
    try:
        if os.path.isdir(name):
            return side_of(name, _folder_files(Path(name)))
        return side_of(name, {PLAN_FILE: read_text_file(Path(name), exit_code=_EXIT_TROUBLE)})
    except SideError as error:
        raise CommandFailure(f"{name}: {error}", exit_code=_EXIT_TROUBLE) from None


def _compiled_side(name: str, settings: list[str]) -> "Side | Report":
    from softprompt_compiler.diff.side import side_of
    from softprompt_compiler.pipeline import compile_spec
    from softprompt_compiler.world import LocalWorld

    file = read_spec(name)
    if file.diagnostics:
        return Report.of(name, file.diagnostics)
    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    # Where the scripts would lie is no difference between specs.
    compiled = compile_spec(file.source, settings, world, spec_folder=".")
    if compiled.files is None:
        return Report.of(name, compiled.diagnostics)
    return side_of(name, compiled.files, spec_name=name)


def _folder_files(folder: Path) -> dict[str, str]:
    """The files that `spec compile` has written into a folder; others are none of ours."""
    from softprompt_compiler.diff.side import MANIFEST_FILE, PLAN_FILE
    from softprompt_compiler.emit import SCRIPTS

    if not (folder / PLAN_FILE).is_file():
        raise CommandFailure(
            f"{folder} has no {PLAN_FILE}: it is no folder of compiled scripts",
            help="name a spec, or what `spec compile --out` has written",
            exit_code=_EXIT_TROUBLE,
        )
    names = [name for name in (*SCRIPTS, PLAN_FILE, MANIFEST_FILE) if (folder / name).is_file()]
    return {name: read_text_file(folder / name, exit_code=_EXIT_TROUBLE) for name in names}
