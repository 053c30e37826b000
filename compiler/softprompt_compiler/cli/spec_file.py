"""Reading a spec from the disk or from standard input."""

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.cli.text_file import open_at_once
from softprompt_compiler.decode import MAX_BYTES, decode
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.source import SourceFile

STANDARD_INPUT = "-"


@dataclass(frozen=True, kw_only=True)
class SpecFile:
    """A spec as it was read. folder: what its paths are relative to."""

    source: SourceFile
    folder: Path
    diagnostics: tuple[Diagnostic, ...]  # of reading it; the text is not to be parsed then


def read_spec(name: str) -> SpecFile:
    """The spec of a path, or of standard input for `-`. Never raises for what is on the disk."""
    if name == STANDARD_INPUT:
        data = sys.stdin.buffer.read(MAX_BYTES + 1)
        source, found = decode("<stdin>", data)
        return SpecFile(source=source, folder=Path.cwd(), diagnostics=tuple(found))
    try:
        data = _read(name)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        source = SourceFile(name=name, text="")
        found = [_unreadable(source, error)]
    else:
        source, found = decode(name, data)
    return SpecFile(source=source, folder=Path(name).parent, diagnostics=tuple(found))


def _read(name: str) -> bytes:
    with open(name, "rb", opener=open_at_once) as file:
        if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode):
            os.set_blocking(file.fileno(), True)
        return file.read(MAX_BYTES + 1)


def _unreadable(source: SourceFile, error: OSError | ValueError) -> Diagnostic:
    reason = getattr(error, "strerror", None) or str(error)
    hints = list(_hints(source.name)) if isinstance(error, FileNotFoundError) else []
    return rules.UNREADABLE_FILE.at(
        source.span(0), path=source.name, reason=reason[:1].lower() + reason[1:], help=hints
    )


def _hints(name: str) -> tuple[str, ...]:
    from softprompt_compiler.suggest import nearest

    path = Path(name)
    try:
        names = [entry.name for entry in path.parent.iterdir() if entry.suffix in (".yaml", ".yml")]
    except OSError:
        return ()
    close = nearest(path.name, names)
    if close:
        return (f"did you mean `{path.with_name(close)}`?",)
    return ("`spec init` writes a spec to start from",)
