"""`spec fmt`."""

import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from softprompt_compiler.cli.folder import rewrite
from softprompt_compiler.cli.options import Color, ColorChoice, OutputFormat
from softprompt_compiler.cli.output import put, show
from softprompt_compiler.cli.spec_file import STANDARD_INPUT, SpecFile, read_spec
from softprompt_compiler.diagnostic import Diagnostic, has_errors
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile


@dataclass(frozen=True, kw_only=True)
class _Result:
    """A spec, and its text in the one layout: None if it has faults. unsure: why it is left."""

    name: str
    source: SourceFile
    text: str | None
    diagnostics: tuple[Diagnostic, ...] = ()
    unsure: str = ""

    @property
    def differs(self) -> bool:
        return self.text is not None and self.text != self.source.text


def fmt(
    specs: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC",
            help="Specs: YAML files, or `-` to read standard input and write standard output.",
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if a spec is not formatted.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Like --check, and show what would change.")
    ] = False,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Put specs into the one layout.

    Keys in order, two spaces a level. Comments stay at their keys, and values and their quotes as
    they are. What would have to be guessed about is left as it is, and said.
    """
    results = [_formatted(name) for name in dict.fromkeys(specs)]
    faulty = [each for each in results if each.text is None]
    show([Report.of(each.name, each.diagnostics) for each in faulty], OutputFormat.HUMAN, color)
    for each in results:
        if each.unsure:
            sys.stderr.write(f"note: {safe(each.name)} is left as it is: {each.unsure}\n")
    is_trial = check or diff
    for each in results:
        _show_trial(each, diff=diff) if is_trial else _write(each)
    failed = bool(faulty) or (is_trial and any(each.differs for each in results))
    raise typer.Exit(1 if failed else 0)


def _formatted(name: str) -> _Result:
    file = read_spec(name)
    if file.diagnostics:
        return _Result(name=name, source=file.source, text=None, diagnostics=file.diagnostics)
    return _format(name, file)


def _format(name: str, file: SpecFile) -> _Result:
    from softprompt_compiler.formatting.blocks import UnsureError
    from softprompt_compiler.formatting.format import format_spec
    from softprompt_compiler.parse import parse

    source, parsed = file.source, parse(file.source)
    if parsed.tree is None or has_errors(parsed.diagnostics):
        return _Result(name=name, source=source, text=None, diagnostics=parsed.diagnostics)
    try:
        return _Result(name=name, source=source, text=format_spec(source, parsed.tree))
    except UnsureError as error:
        unsure = f"line {error.line}, {error.reason}"
        return _Result(name=name, source=source, text=source.text, unsure=unsure)


def _show_trial(result: _Result, *, diff: bool) -> None:
    if not result.differs:
        return
    if diff:
        put("".join(f"{safe(line)}\n" for line in _diff_lines(result)))
    else:
        put(f"{result.name}: not formatted\n")


def _diff_lines(result: _Result) -> Iterator[str]:
    before, after = result.source.text.splitlines(), (result.text or "").splitlines()
    return difflib.unified_diff(before, after, result.name, result.name, lineterm="")


def _write(result: _Result) -> None:
    if result.text is None:
        return
    if result.name == STANDARD_INPUT:
        put(result.text)
    elif result.differs:
        rewrite(Path(result.name), result.text.encode())
        put(f"{result.name}: formatted\n")
