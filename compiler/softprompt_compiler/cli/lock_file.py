"""The lock beside a spec."""

import os
import shlex
from pathlib import Path

from softprompt_compiler.catalogue import lock as rules
from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.spec_file import STANDARD_INPUT
from softprompt_compiler.cli.text_file import read_text_file
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.source import SourceFile, SourceKind


def lock_path(spec: str) -> Path:
    """`specs/squad.yaml.lock` of `specs/squad.yaml`. Raises CommandFailure for standard input."""
    from softprompt_compiler.lock.content import SUFFIX

    if spec == STANDARD_INPUT:
        raise CommandFailure("standard input has no lock beside it", exit_code=2)
    return Path(f"{spec}{SUFFIX}")


def read_lock(spec: str) -> tuple[SourceFile, Diagnostic | None]:
    """A spec's lock, or why there is none to compare with."""
    path = lock_path(spec)
    nothing = SourceFile(name=str(path), text="", kind=SourceKind.LOCK)
    hint = f"write it: `spec lock {shlex.quote(spec)}`"
    if not os.path.lexists(path):
        return nothing, rules.LOCK_NOT_FOUND.at(nothing.span(0), path=path, help=hint)
    try:
        text = read_text_file(path)
    except CommandFailure as failure:
        return nothing, rules.LOCK_UNREADABLE.at(nothing.span(0), reason=failure.message, help=hint)
    return SourceFile(name=str(path), text=text, kind=SourceKind.LOCK), None
