"""`spec lock`."""

import os
from typing import Annotated

import typer

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.folder import stale_files, write_files
from softprompt_compiler.cli.lock_file import lock_path
from softprompt_compiler.cli.options import Color, ColorChoice, OutputFormat, Settings
from softprompt_compiler.cli.output import put, show
from softprompt_compiler.cli.spec_file import read_spec
from softprompt_compiler.render.report import Report


def lock(
    specs: Annotated[list[str], typer.Argument(metavar="SPEC", help="Specs: YAML files.")],
    settings: Settings = None,
    all_weights: Annotated[
        bool,
        typer.Option(
            "--all-weights", help="Digest every byte of the base model's weights, not samples."
        ),
    ] = False,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Write down what a spec stands for today, in SPEC.lock beside it.

    Its values, digests of its data and its base model, and the versions of the packages that
    decide a run's numbers. `--locked` of validate, compile and run then refuses what differs.
    """
    made = {spec: _lock_text(spec, settings or [], all_weights=all_weights) for spec in specs}
    reports = [each for each in made.values() if isinstance(each, Report)]
    show(reports, OutputFormat.HUMAN, color)
    for spec, text in made.items():
        if isinstance(text, Report):
            continue
        path = lock_path(spec)
        state = "written" if stale_files(path.parent, {path.name: text}) else "as it was"
        write_files(path.parent, {path.name: text})
        put(f"{path}: {state}\n")
    raise typer.Exit(1 if reports else 0)


def _lock_text(spec: str, settings: list[str], *, all_weights: bool) -> str | Report:
    """The text of a spec's lock, or what is wrong with the spec."""
    lock_path(spec)
    file = read_spec(spec)
    if file.diagnostics:
        return Report.of(spec, file.diagnostics)
    from softprompt_compiler.lock.content import lock_json, lock_of
    from softprompt_compiler.pipeline import check_spec
    from softprompt_compiler.world import LocalWorld

    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    checked = check_spec(file.source, settings, world)
    if checked.plan is None or checked.resolved is None:
        return Report.of(spec, checked.diagnostics)
    try:
        return lock_json(lock_of(checked.plan, checked.resolved, world, whole_weights=all_weights))
    except OSError as error:
        where = error.filename or spec
        raise CommandFailure(f"{where} cannot be read: {error.strerror or error}") from None
