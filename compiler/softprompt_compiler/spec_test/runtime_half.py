"""The runtime's checks, in a process of its own: nothing of the runtime is imported here."""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from softprompt_compiler.spec_test.check import CheckResult
from softprompt_compiler.spec_test.row_sample import Record, TaskSample
from softprompt_plan.plan import MaxRowsPlan, Plan, TaskPlan
from softprompt_plan.serialize import to_json
from softprompt_plan.template import parse_template
from softprompt_plan.vocabulary import CheckStatus, Split

# A few of each: what fails for one row of a kind fails for all of them.
_NUM_ROWS = {Split.TRAIN: 6, Split.VALIDATION: 2, Split.TEST: 32}
_LAST_LINES = 15
_NO_LIMIT = MaxRowsPlan(train=None, validation=None, test=None)


def write_sample(plan: Plan, samples: Sequence[TaskSample], folder: Path) -> Path:
    """A plan.json whose data are a few of the user's rows, in files beside it."""
    tasks = [_with_rows(sample, folder, number) for number, sample in enumerate(samples)]
    path = folder / "plan.json"
    path.write_text(to_json(replace(plan, tasks=tuple(tasks))), "utf-8")
    return path


def _with_rows(sample: TaskSample, folder: Path, number: int) -> TaskPlan:
    task = sample.task
    fields = parse_template(task.prompt_template).fields
    columns = {field: f"c{at}" for at, field in enumerate(fields)}  # no field name is a path then
    files: dict[str, tuple[str, ...]] = {}
    for split in Split:
        rows = sample.rows.get(split) or ()
        if split is Split.TEST and not rows:
            rows = sample.rows.get(Split.TRAIN) or ()  # their prompts serve as well
        path = folder / f"{number}-{split.value}.jsonl"
        lines = [_line(row, columns) for row in rows[: _NUM_ROWS[split]]]
        path.write_text("".join(lines), "utf-8")
        files[split.value] = (str(path),) if lines else ()
    data = replace(
        task.data,
        train=files["train"],
        validation=files["validation"],
        test=files["test"],
        fields=tuple(columns.items()),
        max_rows=_NO_LIMIT,
        shuffle_seed=None,
    )
    return replace(task, data=data)


def _line(row: Record, columns: Mapping[str, str]) -> str:
    return (
        json.dumps({columns[name]: value for name, value in row.items() if name in columns}) + "\n"
    )


def command_line(plan: Path, spec_folder: Path, folder: Path, names: Sequence[str]) -> list[str]:
    """What starts the runtime's checks."""
    command = [sys.executable, "-m", "softprompt_runtime.spec_test", "--plan", str(plan)]
    command += ["--spec-folder", str(spec_folder.absolute()), "--folder", str(folder)]
    return [*command, "--checks", ",".join(names)]


class RuntimeHalf:
    """The process that runs the runtime's checks; it works while the compiler's checks do.

    names: of the checks. Leaving the `with` block ends the process, whatever it is doing.
    """

    def __init__(self, plan: Path, spec_folder: Path, folder: Path, names: Sequence[str]) -> None:
        self._names = names
        self._log = folder / "runtime.log"
        self._started = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 the command is ours
                command_line(plan, spec_folder, folder, names),
                env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                process_group=0,
            )
        self._lines: queue.Queue[tuple[float, bytes]] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "RuntimeHalf":
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._reader.join()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def results(self) -> Iterator[CheckResult]:
        """The result of each check, in order; failed ones where the process did not get so far.

        The first one's time includes the start of the process.
        """
        before, left = self._started, list(self._names)
        while True:
            arrived, line = self._lines.get()
            if not line:
                break
            result = _result(json.loads(line), arrived - before)
            if result.name in left:
                left.remove(result.name)
            before = arrived
            yield result
        code = self._process.wait()
        for name in left:
            yield CheckResult(
                name=name,
                status=CheckStatus.FAILED,
                seconds=0.0,
                detail=f"the runtime's process ended with code {code} before this check",
                evidence=self._last_said() if name == left[0] else (),
            )

    def kept_log(self) -> str:
        """What the process said beside its results, in a file that stays; its path."""
        handle, path = tempfile.mkstemp(prefix="softprompt-test-", suffix=".log")
        with os.fdopen(handle, "wb") as file:
            file.write(self._log.read_bytes())
        return path

    def _last_said(self) -> tuple[str, ...]:
        return tuple(self._log.read_text("utf-8", "replace").splitlines()[-_LAST_LINES:])

    def _read(self) -> None:
        stdout: IO[bytes] | None = self._process.stdout
        assert stdout is not None
        for line in stdout:
            self._lines.put((time.monotonic(), line))
        self._lines.put((time.monotonic(), b""))


def _result(value: dict[str, Any], seconds: float) -> CheckResult:
    return CheckResult(
        name=value["name"],
        status=CheckStatus(value["status"]),
        seconds=seconds,
        detail=value["detail"],
    )
