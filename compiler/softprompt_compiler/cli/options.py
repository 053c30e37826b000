"""Arguments that several commands take, declared once."""

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer


class OutputFormat(StrEnum):
    """How diagnostics are printed."""

    HUMAN = "human"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    GITLAB = "gitlab"
    JUNIT = "junit"


class ColorChoice(StrEnum):
    """When diagnostics are colored."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


SpecArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="SPEC", help="The spec: a YAML file, or `-` for standard input.")
]
SpecFile: TypeAlias = Annotated[str, typer.Argument(metavar="SPEC", help="The spec: a YAML file.")]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Put a value into the spec, such as training.max_epochs=1. Can be repeated.",
    ),
]
NoData: TypeAlias = Annotated[
    bool, typer.Option("--no-data", help="Check the spec without reading the rows of its data.")
]
Strict: TypeAlias = Annotated[
    bool, typer.Option("--strict", help="Let warnings fail, as errors do.")
]
Locked: TypeAlias = Annotated[
    bool,
    typer.Option("--locked", help="Refuse what differs from the lock that `spec lock` wrote."),
]
Format: TypeAlias = Annotated[
    OutputFormat | None,
    typer.Option(
        "--output-format",
        "-o",
        help="How diagnostics are printed. By default for people, and under GITHUB_ACTIONS as "
        "annotations too.",
        show_default=False,
    ),
]
Color: TypeAlias = Annotated[
    ColorChoice,
    typer.Option("--color", help="Whether to color. `auto` heeds NO_COLOR and FORCE_COLOR."),
]
Out: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder of the emitted files. By default build/NAME, after the spec's name.",
        show_default=False,
    ),
]
Runs: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--runs",
        metavar="DIR",
        help="Folder of the runs. By default $SOFTPROMPT_RUNS, or runs.",
        show_default=False,
    ),
]
