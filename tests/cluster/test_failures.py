"""One machine, two processes under torchrun: what happens when one of them fails or hangs."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.cluster.small_runs import CHECKPOINT_EVERY, SmallRun, output_of, small_run

pytestmark = pytest.mark.cluster

# In front of an emitted train.py: what rank 1 does after its fifth step.
_AT_STEP_5 = """\
import os, time
from softprompt_runtime.recorder import Recorder
_before = Recorder.on_train_batch_end
def _then(self, trainer, module, *rest):
    _before(self, trainer, module, *rest)
    if module.step == 5 and os.environ["RANK"] == "1":
        {deed}
Recorder.on_train_batch_end = _then
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    launch = "  target: torchrun\n  timeout_seconds: 8\n  torchrun: {max_restarts: 0}"
    return small_run(tmp_path_factory.mktemp("failures"), launch)


def _after_step_5(run: SmallRun, deed: str) -> subprocess.Popen[str]:
    script = run.build / "train.py"
    original = script.read_text("utf-8").split("# ---\n")[-1]
    script.write_text(_AT_STEP_5.format(deed=deed) + "# ---\n" + original, "utf-8")
    subprocess.run(["rm", "-rf", str(run.results())], check=True)
    return run.start()


def test_a_process_that_fails_says_why_first_and_ends_the_others(run: SmallRun) -> None:
    process = _after_step_5(run, "raise ZeroDivisionError('the reason')")
    said = output_of(process)

    assert process.returncode == 1
    first = re.search(r"^error|^This is a bug|^Traceback", said, re.MULTILINE)
    assert first is not None
    assert said[first.start() :].startswith("Traceback")
    assert "ZeroDivisionError: the reason" in said[first.start() :].split("This is a bug")[0]
    assert "This is a bug in softprompt, not in your spec or data: process 1: " in said
    assert (run.results() / "error-rank-1.log").is_file()
    assert not (run.results() / "error-rank-0.log").exists()
    assert "Scores" not in said  # the evaluation has not been started


def test_a_process_that_hangs_is_named(run: SmallRun) -> None:
    started = time.monotonic()
    process = _after_step_5(run, "time.sleep(600)")
    said = output_of(process)

    assert process.returncode == 1
    assert "error: Process 0 waited in vain for process 1" in said
    assert "This is a bug" not in said
    assert time.monotonic() - started < 120


def test_a_process_that_is_killed_ends_the_run_without_a_bug_report(run: SmallRun) -> None:
    process = _after_step_5(run, "os.kill(os.getpid(), 9)")
    said = output_of(process)

    assert process.returncode == 1
    assert "This is a bug" not in said
    assert "Signal 9 (SIGKILL) received by PID" in said


def test_a_port_that_is_taken_has_an_exit_code_of_its_own(run: SmallRun, tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        places = {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"}
        done = subprocess.run(
            [run.environment()["PYTHON"], str(run.build / "evaluate.py")],
            env={
                **run.environment(),
                **places,
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": str(port),
                "SOFTPROMPT_RUNS": str(tmp_path),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    assert done.returncode == 75
    assert f"error: Port {port} of this machine is taken" in done.stderr


def test_a_signal_to_one_process_stops_all_at_one_step_and_the_rest_follows(
    tmp_path: Path,
) -> None:
    launch = "  target: torchrun\n  torchrun: {max_restarts: 0}"
    run = small_run(tmp_path / "signalled", launch)
    process = run.start()
    run.wait_for_checkpoint()
    workers = subprocess.run(
        ["pgrep", "-f", f"{run.build}/train.py"], capture_output=True, text=True, check=True
    ).stdout.split()
    one = max(map(int, workers))
    os.kill(one, signal.SIGTERM)
    said = output_of(process)
    stopped = len(run.steps())

    assert process.returncode == 1
    assert said.count("SIGTERM came; step") == 1
    assert CHECKPOINT_EVERY <= stopped < 300
    assert (run.results() / "checkpoints" / f"step-{stopped:06d}.ckpt").is_file()

    again = run.start()
    assert f"going on from step {stopped} of 300" in output_of(again)
    assert again.returncode == 0
    assert run.steps() == list(range(1, 301))


def test_processes_that_were_killed_start_again_from_the_last_checkpoint(tmp_path: Path) -> None:
    """As often as `max_restarts` says; the prompt is that of a run that nobody killed."""
    launch = "  target: torchrun\n  torchrun: {max_restarts: 1}"
    killed, whole = (small_run(tmp_path / name, launch) for name in ("killed", "whole"))
    straight = whole.start()
    assert "trained 300 steps" in output_of(straight)
    deed = "os.environ['TORCHELASTIC_RESTART_COUNT'] == '0' and os.kill(os.getpid(), 9)"
    script = killed.build / "train.py"
    late = _AT_STEP_5.format(deed=deed).replace("step == 5", f"step == {CHECKPOINT_EVERY + 5}")
    script.write_text(late + script.read_text("utf-8"), "utf-8")
    process = killed.start()
    said = output_of(process)

    assert process.returncode == 0, said
    assert f"going on from step {CHECKPOINT_EVERY} of 300" in said
    assert killed.table().equal(whole.table())
