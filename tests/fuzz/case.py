"""One damaged spec through all of the compiler, in this process, and how it can fail."""

import ast
import json
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from xml.etree import ElementTree

from softprompt_compiler.decode import decode
from softprompt_compiler.diagnostic import Diagnostic, has_errors
from softprompt_compiler.fixing import fix
from softprompt_compiler.pipeline import check_spec, compile_spec
from softprompt_compiler.render import github, gitlab, human, junit, sarif
from softprompt_compiler.render import json as json_renderer
from softprompt_compiler.render.data_table import render as render_data
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld

LONGEST = 2.0  # seconds of processor time
_SOURCES = f"{os.sep}softprompt_"


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A spec that the compiler is not up to. signature: the same for the same fault."""

    signature: str
    detail: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a case ended, and what it took in seconds of processor time."""

    failure: Failure | None
    valid: bool
    seconds: float


class _HangError(BaseException):
    """The time is up. No `except Exception` stops it."""


def run_case(data: bytes, folder: Path, *, thorough: bool) -> Outcome:
    """Check a spec, and compile it if it is sound. thorough: also every output, and the fixes."""
    started = time.process_time()
    failure, valid = None, False
    try:
        with _limited(LONGEST):
            valid = _compile(data, folder, thorough=thorough)
    except _HangError as error:
        where = _innermost(error).partition(":")[0]  # the very line is chance
        failure = Failure(signature=f"hang in {where}", detail=_told(error), data=data)
    except Exception as error:
        signature = f"{type(error).__name__} at {_innermost(error)}"
        failure = Failure(signature=signature, detail=_told(error), data=data)
    seconds = time.process_time() - started
    return Outcome(failure=failure, valid=valid, seconds=seconds)


def _compile(data: bytes, folder: Path, *, thorough: bool) -> bool:
    source, found = decode("spec.yaml", data)
    if found:
        _show(Report.of("spec.yaml", found), source, thorough=thorough)
        return False
    world = LocalWorld(spec_folder=folder, environment={"HF_HUB_CACHE": str(folder / "hub")})
    checked = check_spec(source, (), world, read_data=True)
    report = Report.of("spec.yaml", checked.diagnostics, checked.data)
    _show(report, source, thorough=thorough)
    if thorough:
        fix(source, [lambda text: check_spec(text, (), world).diagnostics])
    if has_errors(checked.diagnostics):
        return False
    compiled = compile_spec(source, (), world, spec_folder="..", read_data=False)
    assert compiled.files is not None, "check passes and compile does not"
    for name, text in compiled.files.items():
        if name.endswith(".py"):
            ast.parse(text)
        elif name.endswith(".json"):
            json.loads(text)
    return True


def _show(report: Report, source: SourceFile, *, thorough: bool) -> None:
    for diagnostic in report.diagnostics:
        _check_places(diagnostic, source)
    if not thorough:
        return
    for style in (human.Style(), human.Style(color=True, width=20), human.Style(width=200)):
        text = human.render(report, style) if report.diagnostics else ""
        assert "\x07" not in text, "a control character of the spec reaches the terminal"
        if report.data is not None:
            render_data(report.data, style)
    json.loads("".join(json_renderer.render([report])))
    json.loads(sarif.render([report], Path.cwd()))
    json.loads(gitlab.render([report], Path.cwd()))
    ElementTree.fromstring(junit.render([report], strict=True))
    shown = github.render([report])
    assert all(line.startswith("::") for line in shown.splitlines()), "a broken annotation"


def _check_places(diagnostic: Diagnostic, source: SourceFile) -> None:
    labels = (diagnostic.primary, *diagnostic.secondary)
    edits = diagnostic.fix.edits if diagnostic.fix else ()
    for span in (*(label.span for label in labels), *(edit.span for edit in edits)):
        assert 0 <= span.start <= span.end <= len(span.source.text), "a place outside its text"
        assert span.source is source or span.source.name != source.name, "a place in another text"


@contextmanager
def _limited(seconds: float) -> Generator[None]:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise _HangError(f"over {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _innermost(error: BaseException) -> str:
    """The last line of ours that a traceback passes through."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _SOURCES in frame.filename] or list(frames)
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"


def _told(error: BaseException) -> str:
    return "".join(traceback.format_exception(error, limit=-12))[-6000:]


def shrunk(failure: Failure, folder: Path, seconds: float = 30.0) -> Failure:
    """A smaller spec that fails in the same way, found in about so many seconds."""
    best, until = failure, time.monotonic() + seconds

    def fails(data: bytes) -> bool:
        nonlocal best
        found = run_case(data, folder, thorough=True).failure
        if found is None or found.signature != failure.signature:
            return False
        best = found
        return True

    for split in (_lines, _characters):
        _remove_parts(best.data, split, fails, until)
    return best


def _lines(data: bytes) -> list[bytes]:
    return data.splitlines(keepends=True)


def _characters(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def _remove_parts(
    data: bytes,
    split: Callable[[bytes], Sequence[bytes]],
    fails: Callable[[bytes], bool],
    until: float,
) -> None:
    """Leave out runs of parts, long ones first, as long as the spec fails (Zeller 2002, ddmin)."""
    parts = list(split(data))
    length = max(1, len(parts) // 2)
    while time.monotonic() < until:
        at, removed = 0, False
        while at < len(parts) and time.monotonic() < until:
            rest = parts[:at] + parts[at + length :]
            if fails(b"".join(rest)):
                parts, removed = rest, True
            else:
                at += length
        if length == 1 and not removed:
            return
        length = max(1, length // 2)
