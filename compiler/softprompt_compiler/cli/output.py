"""Results go to standard output, diagnostics to standard error."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from softprompt_compiler.cli.options import ColorChoice, OutputFormat
from softprompt_compiler.render import github, human, json
from softprompt_compiler.render.report import Report


def show(reports: Sequence[Report], output_format: OutputFormat | None, color: ColorChoice) -> None:
    """Print what was found. Formats for tools go to standard output, alone."""
    match output_format:
        case OutputFormat.JSON:
            sys.stdout.write(json.render(reports))
        case OutputFormat.GITHUB:
            sys.stdout.write(github.render(reports))
        case OutputFormat.HUMAN:
            _show_human(reports, color)
        case None:
            _show_human(reports, color)
            if os.environ.get("GITHUB_ACTIONS") == "true":
                sys.stdout.write(github.render(reports))


def is_for_people(output_format: OutputFormat | None) -> bool:
    """Whether a line in words may go to standard output."""
    return output_format in (None, OutputFormat.HUMAN)


def complain(message: str, help_text: str = "") -> None:
    """An error that has no place in a source."""
    sys.stderr.write(f"error: {message}\n")
    for line in help_text.splitlines():
        sys.stderr.write(f"  = help: {line}\n")


def style_for(stream: TextIO, choice: ColorChoice, environment: Mapping[str, str]) -> human.Style:
    """Colors and width for a stream."""
    is_terminal = stream.isatty()
    color = wants_color(choice, environment, is_terminal=is_terminal)
    if not is_terminal and "COLUMNS" not in environment:
        return human.Style(color=color)
    columns = shutil.get_terminal_size(fallback=(human.DEFAULT_WIDTH, 24)).columns
    return human.Style(color=color, width=columns)


def wants_color(choice: ColorChoice, environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """`--color`, then NO_COLOR (no-color.org), then FORCE_COLOR, then the terminal."""
    if choice is not ColorChoice.AUTO:
        return choice is ColorChoice.ALWAYS
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal and environment.get("TERM") != "dumb"


def _show_human(reports: Sequence[Report], color: ColorChoice) -> None:
    style = style_for(sys.stderr, color, os.environ)
    sys.stderr.write("\n".join(filter(None, (human.render(each, style) for each in reports))))
