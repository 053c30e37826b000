"""Results go to standard output, diagnostics to standard error."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.options import ColorChoice, OutputFormat
from softprompt_compiler.render.report import Report

if TYPE_CHECKING:
    from softprompt_compiler.render.human import Style

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"


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
    if output_format in (None, OutputFormat.HUMAN):
        _show_human(reports, color, strict=strict)
    else:
        for piece in _rendered(reports, output_format, strict=strict):
            put(piece)
    if output_format is None and os.environ.get("GITHUB_ACTIONS") == "true":
        for piece in _rendered(reports, OutputFormat.GITHUB, strict=strict):
            put(piece)
    if output_format in (None, OutputFormat.GITHUB):
        _summarize(reports, strict=strict)


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


def _rendered(
    reports: Sequence[Report], output_format: OutputFormat, *, strict: bool
) -> Iterator[str]:
    """A format for tools, piece by piece."""
    match output_format:
        case OutputFormat.JSON:
            from softprompt_compiler.render import json

            yield from json.render(reports, strict=strict)
        case OutputFormat.GITHUB:
            from softprompt_compiler.render import github

            yield github.render(reports)
        case OutputFormat.SARIF:
            from softprompt_compiler.render import sarif

            yield sarif.render(reports, Path.cwd())
        case OutputFormat.GITLAB:
            from softprompt_compiler.render import gitlab

            yield gitlab.render(reports, Path.cwd())
        case OutputFormat.JUNIT:
            from softprompt_compiler.render import junit

            yield junit.render(reports, strict=strict)
        case OutputFormat.HUMAN:
            raise AssertionError("it goes to standard error")


def _summarize(reports: Sequence[Report], *, strict: bool) -> None:
    if os.environ.get("GITHUB_ACTIONS") != "true" or not os.environ.get(SUMMARY_VARIABLE):
        return
    from softprompt_compiler.render import step_summary

    try:
        append_summary(step_summary.render(reports, strict=strict))
    except CommandFailure as failure:  # nobody asked for it, and it says nothing of the specs
        sys.stderr.write(f"warning: {failure.message}\n")


def append_summary(text: str) -> None:
    """Markdown for the summary of GitHub's step, if there is one. Raises CommandFailure."""
    path = os.environ.get(SUMMARY_VARIABLE)
    if not path:
        return
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise CommandFailure(f"{path} cannot be written: {error.strerror}") from None
