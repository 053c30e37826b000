"""`spec plan`."""

import os
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from softprompt_compiler.cli.options import (
    Color,
    ColorChoice,
    NoData,
    OutputFormat,
    Settings,
    SpecArgument,
)
from softprompt_compiler.cli.output import put, show, style_for
from softprompt_compiler.cli.spec_file import read_spec
from softprompt_compiler.render.report import Report

if TYPE_CHECKING:
    from softprompt_compiler.forecast.forecast import Forecast


class PlanFormat(StrEnum):
    """How a forecast is shown."""

    HUMAN = "human"
    JSON = "json"


def plan(
    spec: SpecArgument,
    gpu: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The GPU to plan for, such as H100-80GB; the same as --set parallelism.gpu=NAME.",
            show_default=False,
        ),
    ] = None,
    settings: Settings = None,
    no_data: NoData = False,
    output_format: Annotated[
        PlanFormat, typer.Option("--output-format", "-o", help="For people, or for tools.")
    ] = PlanFormat.HUMAN,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Say what a run will take: steps, memory and time.

    Tokens and the traffic between ranks too. Nothing is run and no weight is read. docs/plan.md has
    the formulas, and how they are verified.
    """
    chosen = [*(settings or []), *([] if gpu is None else [f"parallelism.gpu={gpu}"])]
    forecast = _forecast(spec, chosen, color, read_data=not no_data)
    if output_format is PlanFormat.JSON:
        from softprompt_compiler.render import forecast_json

        put(forecast_json.render(spec, forecast))
        return
    from softprompt_compiler.render import forecast_text

    put(forecast_text.render(forecast, style_for(sys.stdout, color, os.environ)))


def _forecast(spec: str, settings: list[str], color: ColorChoice, *, read_data: bool) -> "Forecast":
    """The forecast of a sound spec. Shows what was found; raises typer.Exit(1) for errors."""
    file = read_spec(spec)
    if file.diagnostics:
        show([Report.of(spec, file.diagnostics)], OutputFormat.HUMAN, color)
        raise typer.Exit(1)
    from softprompt_compiler.forecast.forecast import forecast_of
    from softprompt_compiler.pipeline import check_spec
    from softprompt_compiler.world import LocalWorld

    world = LocalWorld(spec_folder=file.folder, environment=os.environ)
    checked = check_spec(file.source, settings, world, read_data=read_data)
    show([Report.of(spec, checked.diagnostics, checked.data)], OutputFormat.HUMAN, color)
    if checked.plan is None or checked.resolved is None:
        raise typer.Exit(1)
    return forecast_of(checked.plan, checked.resolved, checked.data)
