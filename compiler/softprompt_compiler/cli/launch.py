"""`spec run`, `spec evaluate` and `spec predict`: compile, then start the emitted scripts.

The runtime is never imported here: it is started in a process of its own.
"""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from softprompt_compiler.cli.child import run_child
from softprompt_compiler.cli.compile import Emitted, emit
from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.folder import write_files
from softprompt_compiler.cli.launch_target import (
    STARTED_HERE,
    is_within_reach,
    processes,
    run_names,
    start_line,
)
from softprompt_compiler.cli.options import (
    Color,
    ColorChoice,
    Locked,
    NoData,
    Out,
    Runs,
    Settings,
    SpecFile,
    Strict,
)
from softprompt_compiler.cli.output import put
from softprompt_compiler.runtime_install import install_line, missing_packages


def run(  # noqa: PLR0913, PLR0917 an argument an option
    spec: SpecFile,
    out: Out = None,
    runs: Runs = None,
    settings: Settings = None,
    no_data: NoData = False,
    strict: Strict = False,
    locked: Locked = False,
    smoke: Annotated[
        bool,
        typer.Option(
            "--smoke",
            help="Try the set-up: the same start, a few steps on a tiny model, in a folder of its "
            "own.",
        ),
    ] = False,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Compile a spec, train it and evaluate it.

    Where its launch target cannot be started from here, the command that starts it is printed.
    """
    emitted = _write(
        spec, out, settings, color, read_data=not no_data, strict=strict, locked=locked
    )
    target = emitted.plan.launch.target
    if target in STARTED_HERE:
        _require_runtime()
    elif not is_within_reach(target):
        line = start_line(emitted.plan, emitted.folder, smoke=smoke)
        put(f"scripts: {emitted.folder}\nstart: {line}\n")
        return
    command = ["bash", str(emitted.folder / "launch.sh"), *(["--smoke"] if smoke else [])]
    code = _start(command, runs)
    if code == 0:
        folders = (Path(_runs_folder(runs)) / name for name in run_names(emitted.plan, smoke=smoke))
        put(f"scripts: {emitted.folder}\n" + "".join(f"run: {folder}\n" for folder in folders))
    raise typer.Exit(code)


def evaluate(
    spec: SpecFile,
    out: Out = None,
    runs: Runs = None,
    settings: Settings = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Score a trained spec on its test rows.

    The same rows are completed by the untuned model, so that the gain is visible.
    """
    emitted = _write(spec, out, settings, color, read_data=True)
    _require_runtime()
    script = str(emitted.folder / "evaluate.py")
    raise typer.Exit(_start([*processes(emitted.plan), script], runs))


def predict(
    spec: SpecFile,
    rows: Annotated[
        str, typer.Argument(metavar="INPUT", help="Rows to complete: .jsonl, .json or .csv.")
    ],
    task: Annotated[
        str | None,
        typer.Option(help="Task of the rows. Needed if the spec has several.", show_default=False),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            metavar="FILE",
            help="Where the predictions go. By default standard output.",
            show_default=False,
        ),
    ] = None,
    out: Out = None,
    runs: Runs = None,
    settings: Settings = None,
    color: Color = ColorChoice.AUTO,
) -> None:
    """Complete the rows of a file with a trained spec."""
    emitted = _write(spec, out, settings, color, read_data=False)
    _require_runtime()
    command = [*processes(emitted.plan), "-m", "softprompt_runtime.predict"]
    command += ["--plan", str(emitted.folder / "plan.json")]
    command += ["--spec-folder", str(emitted.spec_folder), "--input", rows]
    command += ["--task", _task(emitted, task)]
    command += ["--output", output] if output else []
    raise typer.Exit(_start(command, runs))


def _write(
    spec: str,
    out: str | None,
    settings: list[str] | None,
    color: ColorChoice,
    *,
    read_data: bool,
    strict: bool = False,
    locked: bool = False,
) -> Emitted:
    emitted = emit(
        spec,
        out,
        settings or [],
        read_data=read_data,
        strict=strict,
        locked=locked,
        color=color,
    )
    write_files(emitted.folder, emitted.files)
    return emitted


def _require_runtime() -> None:
    if missing := missing_packages():
        raise CommandFailure(
            f"training needs packages that are not installed: {', '.join(missing)}",
            help=install_line(),
        )


def _task(emitted: Emitted, wanted: str | None) -> str:
    tasks = [task.name for task in emitted.plan.tasks]
    if wanted is None and len(tasks) == 1:
        return tasks[0]
    if wanted in tasks:
        return wanted
    fault = "the spec has several tasks" if wanted is None else f"the spec has no task {wanted}"
    known = "one of: " + ", ".join(tasks)
    raise CommandFailure(fault, help=f"give --task, {known}", exit_code=2)


def _start(command: list[str], runs: str | None) -> int:
    try:
        return run_child(command, _environment(runs))
    except OSError as error:
        raise CommandFailure(f"{command[0]} cannot be started: {error.strerror}") from None


def _environment(runs: str | None) -> dict[str, str]:
    """Ours, with the folder of the runs, and the interpreter that the runtime is installed for."""
    return {**os.environ, "SOFTPROMPT_RUNS": _runs_folder(runs), "PYTHON": sys.executable}


def _runs_folder(runs: str | None) -> str:
    return os.path.abspath(runs or os.environ.get("SOFTPROMPT_RUNS") or "runs")
