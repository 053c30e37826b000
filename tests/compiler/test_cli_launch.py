import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from softprompt_compiler import runtime_install
from softprompt_compiler.cli import launch
from softprompt_compiler.cli.child import run_child
from tests.compiler.command_line import SPEC, call, environment, work_in

TWO_TASKS = SPEC.replace(
    "prompt_learning:",
    """\
  tone:
    prompt_template: "<|VIRTUAL_PROMPT_0|> {text} Tone:{mood}"
    answer_field: mood
    data: {train: data/train.jsonl, validation: data/validation.jsonl}
prompt_learning:""",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch, two=TWO_TASKS)


class Started:
    """Stands in for the child process: remembers it, and ends with a code of our choice."""

    def __init__(self) -> None:
        self.code = 0
        self.command: Sequence[str] = ()
        self.environment: Mapping[str, str] = {}

    def __call__(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        self.command, self.environment = command, environment
        return self.code


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Started:
    """The runtime is there, and the process it is started in is not."""
    child = Started()
    monkeypatch.setattr(launch, "run_child", child)
    monkeypatch.setattr(runtime_install, "find_spec", lambda _name: "found")  # type: ignore[misc]
    return child


def test_run_compiles_and_starts_the_launch_script(
    folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "run", "spec.yaml")

    assert outcome.code == 0
    assert started.command == ["bash", "build/mood/launch.sh"]
    assert (folder / "build" / "mood" / "launch.sh").is_file()
    assert started.environment["SOFTPROMPT_RUNS"] == str(folder / "runs")
    assert started.environment["PYTHON"] == sys.executable
    assert "build/mood" in outcome.out
    assert str(folder / "runs" / "mood") in outcome.out


def test_the_folders_are_as_asked(
    folder: Path,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SOFTPROMPT_RUNS", "from-environment")
    call(capsys, "run", "spec.yaml")
    assert started.environment["SOFTPROMPT_RUNS"] == str(folder / "from-environment")

    call(capsys, "run", "spec.yaml", "--out", "o", "--runs", "r", "--set", "name=other")
    assert started.environment["SOFTPROMPT_RUNS"] == str(folder / "r")
    assert started.command == ["bash", "o/launch.sh"]
    assert '"name": "other"' in (folder / "o" / "plan.json").read_text("utf-8")


@pytest.mark.parametrize("code", [1, 2, 130])
def test_the_run_s_exit_code_is_ours(
    code: int, folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    started.code = code
    outcome = call(capsys, "run", "spec.yaml")

    assert (outcome.code, outcome.out) == (code, "")


def test_a_wrong_spec_starts_nothing(
    folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["run"], ["evaluate"], ["predict"]):
        rows = ["data/test.jsonl"] if command == ["predict"] else []
        outcome = call(capsys, *command, "spec.yaml", *rows, "--set", "training.seed=-1")
        assert outcome.code == 1
        assert "error[SP0104]" in outcome.err
    assert started.command == ()


def test_evaluate_starts_the_evaluation_script(
    folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "evaluate", "spec.yaml").code == 0
    assert started.command == [sys.executable, "build/mood/evaluate.py"]


def test_predict_hands_the_runtime_the_plan_the_rows_and_the_task(
    folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", "spec.yaml", "data/test.jsonl", "--output", "p.jsonl"]
    outcome = call(capsys, *arguments)

    assert outcome.code == 0
    assert started.command == [
        *(sys.executable, "-m", "softprompt_runtime.predict"),
        *("--plan", "build/mood/plan.json", "--spec-folder", "."),
        *("--input", "data/test.jsonl", "--task", "mood", "--output", "p.jsonl"),
    ]


def test_predict_asks_for_the_task_where_there_are_several(
    folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    unsaid = call(capsys, "predict", "two.yaml", "data/test.jsonl")
    unknown = call(capsys, "predict", "two.yaml", "data/test.jsonl", "--task", "none")
    said = call(capsys, "predict", "two.yaml", "data/test.jsonl", "--task", "tone")

    assert (unsaid.code, unknown.code, said.code) == (2, 2, 0)
    assert "one of: mood, tone" in unsaid.err
    assert "the spec has no task none" in unknown.err


def test_a_missing_runtime_is_told_with_the_line_that_installs_it(
    folder: Path,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def found(name: str) -> str | None:
        return None if name == "torch" else "found"

    monkeypatch.setattr(runtime_install, "find_spec", found)
    outcome = call(capsys, "run", "spec.yaml")

    assert outcome.code == 1
    assert "not installed: torch" in outcome.err
    assert "pip install 'softprompt[runtime]'" in outcome.err
    assert started.command == ()


def test_a_child_s_exit_code_and_deadly_signal_are_given_back() -> None:
    assert run_child(["bash", "-c", "exit 7"], os.environ) == 7
    assert run_child(["bash", "-c", "kill -KILL $$"], os.environ) == 128 + signal.SIGKILL
    with pytest.raises(FileNotFoundError):
        run_child(["no-such-program"], os.environ)


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_to_us_reaches_the_script_inside_the_script(name: str, tmp_path: Path) -> None:
    inner = (
        "import signal, sys, time\n"
        f"signal.signal(signal.{name}, lambda *_: sys.exit(33))\n"
        "open('ready', 'w').close()\n"
        "time.sleep(60)\n"
    )
    (tmp_path / "inner.py").write_text(inner, "utf-8")
    (tmp_path / "outer.sh").write_text(
        f'"{sys.executable}" inner.py\ncode=$?\necho $code > code\nexit $code\n', "utf-8"
    )
    program = (
        "import os, sys\n"
        "from softprompt_compiler.cli.child import run_child\n"
        "sys.exit(run_child(['bash', '-c', 'trap : TERM HUP; source outer.sh'], os.environ))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment())
    try:
        wait_for(tmp_path / "ready")
        parent.send_signal(getattr(signal, name))
        parent.wait(timeout=60)
        wait_for(tmp_path / "code")
    finally:
        parent.kill()
        parent.wait()

    assert (tmp_path / "code").read_text("utf-8").strip() == "33"


def test_a_pause_reaches_the_child_and_ends_with_ours(tmp_path: Path) -> None:
    inner = "import time, os\nopen('ready', 'w').write(str(os.getpid()))\ntime.sleep(60)\n"
    program = (
        "import os, sys\n"
        "from softprompt_compiler.cli.child import run_child\n"
        f"sys.exit(run_child([sys.executable, '-c', {inner!r}], os.environ))\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], cwd=tmp_path, env=environment())
    try:
        wait_for(tmp_path / "ready")
        child = int((tmp_path / "ready").read_text("utf-8"))
        parent.send_signal(signal.SIGTSTP)
        wait_until(lambda: state(child) == state(parent.pid) == "T")
        parent.send_signal(signal.SIGCONT)
        wait_until(lambda: state(child) != "T" != state(parent.pid))
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(timeout=60) == 128 + signal.SIGTERM
    finally:
        parent.kill()
        parent.wait()


def state(process: int) -> str:
    """The process's state as Linux has it: T is stopped."""
    return Path(f"/proc/{process}/stat").read_text("utf-8").rsplit(")", 1)[1].split()[0]


def wait_for(path: Path) -> None:
    wait_until(lambda: path.exists() and path.stat().st_size >= 0)


def wait_until(condition: object) -> None:
    assert callable(condition)
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited a minute"
        time.sleep(0.02)


TARGETS = [
    ("slurm", "", "bash build/mood/launch.sh"),
    (
        "kubernetes",
        "--set=launch.kubernetes={image: i, folder: /b}",
        "kubectl create -f build/mood/trainjob.yaml",
    ),
    (
        "skypilot",
        "--set=launch.skypilot={accelerator: H100}",
        "sky launch -c mood --secret TOKEN build/mood/sky.yaml",
    ),
]


@pytest.mark.parametrize(("target", "setting", "line"), TARGETS)
def test_what_cannot_be_started_from_here_is_told_as_a_command(
    target: str,
    setting: str,
    line: str,
    folder: Path,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    settings = [f"--set=launch.target={target}", "--set=launch.secrets=[TOKEN]"]
    settings += [setting] if setting else []
    outcome = call(capsys, "run", "spec.yaml", *settings)

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"scripts: build/mood\nstart: {line}\n"
    assert started.command == ()
    assert (folder / "build" / "mood" / "launch.sh").is_file()


def test_a_job_is_handed_in_where_slurm_s_client_is(
    folder: Path,
    started: Started,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client = folder / "bin" / "sbatch"
    client.parent.mkdir()
    client.write_text("#!/bin/sh\n", "utf-8")
    client.chmod(0o755)
    monkeypatch.setenv("PATH", str(client.parent))
    settings = ["--set=launch.target=slurm", "--set=launch.slurm.seeds=[3, 4]"]
    outcome = call(capsys, "run", "spec.yaml", "--smoke", *settings)

    assert outcome.code == 0
    assert started.command == ["bash", "build/mood/launch.sh", "--smoke"]
    assert f"run: {folder}/runs/mood-seed-4-smoke\n" in outcome.out


def test_a_trial_run_has_a_folder_of_its_own(
    folder: Path, started: Started, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "run", "spec.yaml", "--smoke")

    assert started.command == ["bash", "build/mood/launch.sh", "--smoke"]
    assert outcome.out == f"scripts: build/mood\nrun: {folder}/runs/mood-smoke\n"


@pytest.mark.parametrize("command", [("evaluate",), ("predict",)])
def test_what_follows_a_training_on_several_devices_runs_on_them_too(
    command: tuple[str, ...],
    folder: Path,
    started: Started,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = ["data/test.jsonl"] if command == ("predict",) else []
    batch = ["--set=training.global_batch_size=2", "--set=training.micro_batch_size=1"]
    arguments = ["spec.yaml", *rows, *batch, "--set=launch.target=slurm"]
    done = call(capsys, *command, *arguments, "--set=parallelism.devices=2")
    refused = call(capsys, *command, *arguments, "--set=parallelism.num_nodes=2")

    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    assert done.code == 0
    assert started.command[:5] == [sys.executable, *torchrun]
    assert refused.code == 1
    assert "laid out on 2 machines" in refused.err
