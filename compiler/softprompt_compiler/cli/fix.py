"""`spec validate --fix` and `--diff`: the sure fixes of a spec, written into its file or shown."""

import codecs
import os
import re
import stat
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.folder import rewrite
from softprompt_compiler.cli.spec_file import SpecFile
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.fixing import Check, Fixed, fix
from softprompt_compiler.render.display import safe
from softprompt_compiler.secrets import masked
from softprompt_compiler.source import SourceFile

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+")


def fix_file(name: str, file: SpecFile, settings: Sequence[str]) -> tuple[SpecFile, list[str]]:
    """Write a spec's sure fixes into its file; the spec as it is now, and a line for each fix.

    A file that cannot be read is left to the report on it. Raises CommandFailure.
    """
    fixed = _fixed(file, settings)
    if not fixed.fixed:
        return file, []
    _write(Path(name), file.source.text, fixed.source.text)
    return replace(file, source=fixed.source), [_line(name, each) for each in fixed.fixed]


def diff_of(file: SpecFile, settings: Sequence[str]) -> str:
    """What `fix_file` would change, as a unified diff; "" if nothing."""
    from difflib import unified_diff

    before, after = file.source.text, _fixed(file, settings).source.text
    label = file.source.name
    lines = unified_diff(_LINE.findall(before), _LINE.findall(after), label, label)
    return "".join(map(_diff_line, lines))


def _diff_line(line: str) -> str:
    """A line of the difference, its secrets as stars; else `patch` gets the very characters."""
    shown = masked(line.rstrip("\r\n"))
    ending = line[len(line.rstrip("\r\n")) :]
    return (safe(shown) if sys.stdout.isatty() else shown) + (
        ending or "\n\\ No newline at end of file\n"
    )


def _fixed(file: SpecFile, settings: Sequence[str]) -> Fixed:
    if file.diagnostics:
        return Fixed(source=file.source, fixed=())
    # What a --set changes is not the file's, and what it hides is still in it.
    checks = [_check(file, ())] + ([_check(file, settings)] if settings else [])
    return fix(file.source, checks)


def _check(file: SpecFile, settings: Sequence[str]) -> Check:
    from softprompt_compiler.pipeline import check_spec
    from softprompt_compiler.world import LocalWorld

    def check(source: SourceFile) -> Sequence[Diagnostic]:
        world = LocalWorld(spec_folder=file.folder, environment=os.environ)
        return check_spec(source, settings, world).diagnostics

    return check


def _write(path: Path, before: str, after: str) -> None:
    """Put `after` in place of `before`, with the byte-order mark that the file has."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CommandFailure(f"{path} is no file whose text could be replaced", exit_code=2)
        data = path.read_bytes()
    except OSError as error:
        raise CommandFailure(f"{path} cannot be read again: {error.strerror}") from None
    mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    if data != mark + before.encode():
        raise CommandFailure(f"{path} has changed meanwhile", help="try again")
    rewrite(path, mark + after.encode())


def _line(name: str, fixed: Diagnostic) -> str:
    place = f"{name}:{fixed.span.line}:{fixed.span.column}"
    return safe(f"{place}: fixed {fixed.code}: {fixed.message}")
