"""`spec test`."""

import os
import signal
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.options import Color, ColorChoice, OutputFormat, Settings, SpecFile
from softprompt_compiler.cli.output import append_summary, put, show, style_for
from softprompt_compiler.cli.spec_file import read_spec
from softprompt_compiler.render.report import Report
from softprompt_plan.vocabulary import CheckStatus

if TYPE_CHECKING:
    from softprompt_compiler.spec_test.check import CheckResult
    from softprompt_compiler.spec_test.harness import Harness


class TestFormat(StrEnum):
    """How results are printed."""

    __test__ = False  # pytest takes the name for a test's

    HUMAN = "human"
    JSON = "json"
    GITHUB = "github"
    JUNIT = "junit"


def test(  # noqa: PLR0913, PLR0917 an argument an option
    spec: SpecFile,
    settings: Settings = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Run this check only; `*` fits any text. Repeatable."),
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Leave this check out; `*` fits any text. Repeatable."),
    ] = None,
    compiler_only: Annotated[
        bool, typer.Option("--compiler-only", help="Run no check that needs torch.")
    ] = False,
    examples: Annotated[
        int, typer.Option(min=1, help="Rows that each law is tried on, for each task.")
    ] = 60,
    seed: Annotated[
        int, typer.Option(min=0, help="Another seed tries other rows; the same one the same.")
    ] = 0,
    output_format: Annotated[
        TestFormat | None,
        typer.Option(
            "--output-format",
            "-o",
            help="How results are printed. By default for people, and under GITHUB_ACTIONS as "
            "annotations too.",
            show_default=False,
        ),
    ] = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Test a spec, for CI.

    Its template on its rows, its compilation, and a training in miniature. Of the base model only
    config and tokenizer are used. Runs and compiled folders are not touched.
    """
    from softprompt_compiler.spec_test.harness import Harness, SpecUnderTest

    names = _names(only or [], skip or [], compiler_only=compiler_only)
    file = read_spec(spec)
    harness = Harness(
        SpecUnderTest(
            name=spec,
            source=file.source,
            folder=Path(file.folder),
            reading=file.diagnostics,
            settings=settings or [],
            names=names,
            examples=examples,
            seed=seed,
        )
    )
    # The temporary folder and the runtime's process go with us, whoever ends us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = _run(harness, spec, output_format, color)
    raise typer.Exit(_exit_code(results))


def _names(only: list[str], skip: list[str], *, compiler_only: bool) -> tuple[str, ...]:
    from softprompt_compiler.spec_test.check import CHECKS, UnknownCheckError, chosen

    try:
        names = chosen(only, skip, compiler_only=compiler_only)
    except UnknownCheckError as error:
        from softprompt_compiler.suggest import did_you_mean

        help = "\n".join(did_you_mean(error.pattern, CHECKS)) or f"one of: {', '.join(CHECKS)}"
        raise CommandFailure(str(error), help=help, exit_code=2) from None
    if not names:
        raise CommandFailure("these options leave no check to run", exit_code=2)
    return names


def _run(
    harness: "Harness", spec: str, output_format: TestFormat | None, color: ColorChoice
) -> "list[CheckResult]":
    started = time.monotonic()
    if output_format in (None, TestFormat.HUMAN):
        results = _print_as_they_end(harness, spec, color)
    else:
        results = list(harness.results())
    seconds = time.monotonic() - started
    match output_format:
        case TestFormat.JUNIT:
            from softprompt_compiler.render.junit_checks import render

            put(render(spec, results, seconds))
        case TestFormat.JSON:
            from softprompt_compiler.render.checks_json import render

            put(render(spec, results, seconds))
        case TestFormat.GITHUB:
            _tell_github(harness, spec, results, seconds)
        case _:
            from softprompt_compiler.render.check_list import closing_line

            put(closing_line(results, seconds))
            if output_format is None and os.environ.get("GITHUB_ACTIONS") == "true":
                _tell_github(harness, spec, results, seconds)
    return results


def _print_as_they_end(harness: "Harness", spec: str, color: ColorChoice) -> "list[CheckResult]":
    from softprompt_compiler.render.check_list import render, signs_for

    style, signs = style_for(sys.stdout, color, os.environ), signs_for(sys.stdout.encoding)
    results: list[CheckResult] = []
    for result in harness.results():
        if not results:
            show([Report.of(spec, harness.diagnostics)], OutputFormat.HUMAN, color)
        results.append(result)
        put(render(result, style, signs))
    return results


def _tell_github(
    harness: "Harness", spec: str, results: "list[CheckResult]", seconds: float
) -> None:
    from softprompt_compiler.render.github import render as diagnostics
    from softprompt_compiler.render.github_checks import render, summary
    from softprompt_compiler.spec_test.check import SPEC

    put(diagnostics([Report.of(spec, harness.diagnostics)]))
    put(render(spec, [result for result in results if result.name != SPEC]))
    append_summary(summary(spec, results, seconds))


def _exit_code(results: "list[CheckResult]") -> int:
    failed = any(each.status is CheckStatus.FAILED or each.incomplete for each in results)
    return 1 if failed else 0
