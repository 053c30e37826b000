"""Results go to standard output, diagnostics to standard error."""

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.options import ColorChoice, OutputFormat
from softprompt_compiler.render.report import Report

if TYPE_CHECKING:
    from softprompt_compiler.render.human import Style


def put(text: str) -> None:
    """Print a result. Raises BrokenPipeError if nobody reads it, else CommandFailure."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:  # a full disk
        raise CommandFailure(f"the output cannot be written: {error.strerror}") from None


def show(
    reports: Sequence[Report],
    output_format: OutputFormat | None,
    color: ColorChoice,
    *,
    strict: bool = False,
) -> None:
    """Print what was found. Formats for tools go to standard output, alone.

    strict: whether warnings fail.
    """
    match output_format:
        case OutputFormat.JSON:
            _show_json(reports)
        case OutputFormat.GITHUB:
            _show_github(reports)
        case OutputFormat.HUMAN:
            _show_human(reports, color, strict=strict)
        case None:
            _show_human(reports, color, strict=strict)
            if os.environ.get("GITHUB_ACTIONS") == "true":
                _show_github(reports)


def is_for_people(output_format: OutputFormat | None) -> bool:
    """Whether a line in words may go to standard output."""
    return output_format in (None, OutputFormat.HUMAN)


def complain(message: str, help_text: str = "") -> None:
    """An error that has no place in a source."""
    sys.stderr.write(f"error: {message}\n")
    for line in help_text.splitlines():
        sys.stderr.write(f"  = help: {line}\n")


def style_for(stream: TextIO, choice: ColorChoice, environment: Mapping[str, str]) -> "Style":
    """Colors and width for a stream."""
    import shutil

    from softprompt_compiler.render.human import DEFAULT_WIDTH, Style

    is_terminal = stream.isatty()
    color = wants_color(choice, environment, is_terminal=is_terminal)
    if not is_terminal and "COLUMNS" not in environment:
        return Style(color=color)
    columns = shutil.get_terminal_size(fallback=(DEFAULT_WIDTH, 24)).columns
    return Style(color=color, width=columns)


def wants_color(choice: ColorChoice, environment: Mapping[str, str], *, is_terminal: bool) -> bool:
    """`--color`, then NO_COLOR (no-color.org), then FORCE_COLOR, then the terminal."""
    if choice is not ColorChoice.AUTO:
        return choice is ColorChoice.ALWAYS
    if environment.get("NO_COLOR"):
        return False
    if environment.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return is_terminal and environment.get("TERM") != "dumb"


# A renderer is imported by the report that needs it: most specs are sound.


def _show_human(reports: Sequence[Report], color: ColorChoice, *, strict: bool) -> None:
    found = [report for report in reports if report.diagnostics]
    if not found:
        return
    from softprompt_compiler.render.human import render

    style = style_for(sys.stderr, color, os.environ)
    sys.stderr.write("\n".join(render(report, style) for report in found))
    if any(report.fails(strict=strict) != report.fails(strict=False) for report in found):
        sys.stderr.write("warnings fail here, as --strict says\n")


def _show_json(reports: Sequence[Report]) -> None:
    from softprompt_compiler.render.json import render

    for piece in render(reports):
        put(piece)


def _show_github(reports: Sequence[Report]) -> None:
    from softprompt_compiler.render.github import render

    put(render(reports))
