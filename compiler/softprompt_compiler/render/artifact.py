"""The file that a diagnostic is about, as tools that show a repository know it."""

import os
from pathlib import Path, PurePath
from urllib.parse import quote

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile, SourceKind

_STANDARD_INPUT = "<stdin>"


def file_of(report: Report, source: SourceFile) -> str:
    """The name of the source's file; of a `--set`, that of the spec that it is set in."""
    return report.spec if source.kind is SourceKind.SETTING else source.name


def line_of(diagnostic: Diagnostic) -> int:
    """The line in that file; the first one for a `--set`."""
    span = diagnostic.span
    return 1 if span.source.kind is SourceKind.SETTING else span.line


def repository_path(name: str, folder: Path) -> str:
    """A file's path from `folder`, the one that the command runs in, with forward slashes.

    A file outside of it keeps its absolute path. Links are not followed.
    """
    if name in (_STANDARD_INPUT, "-"):
        return "/dev/stdin"
    path = os.path.normpath(folder / name)
    inside = PurePath(path)
    return inside.relative_to(folder).as_posix() if inside.is_relative_to(folder) else path


def uri(name: str, folder: Path) -> str:
    """The same as a URI reference (RFC 3986): relative to `folder`, or `file:///...`."""
    path = repository_path(name, folder)
    return Path(path).as_uri() if os.path.isabs(path) else quote(os.fsencode(path), safe="/")
