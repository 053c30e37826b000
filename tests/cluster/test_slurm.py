"""A real SLURM on this machine: two nodes, the emitted job as it is, and what befalls it."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cluster.small_runs import SmallRun, small_run, wait_until

_HERE = Path(__file__).parent
_NEEDED = ("slurmctld", "slurmd", "sbatch", "munged", "unshare", "nsenter", "ip")
_MISSING = [tool for tool in _NEEDED if shutil.which(tool) is None]
GOLDEN = _HERE.parent / "golden" / "launch" / "slurm" / "mood.sbatch"
LAUNCH = "  target: slurm\n  timeout_seconds: 60\n  slurm: {time_limit: '10', memory: 500M}"

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="a SLURM needs root"),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}"),
]


@dataclass(frozen=True, kw_only=True)
class Slurm:
    """The cluster. folder: of its configuration, state and logs."""

    folder: Path

    def call(self, *command: str, run: SmallRun | None = None) -> str:
        """What a command prints that runs inside. Raises AssertionError if it fails."""
        done = subprocess.run(
            ["bash", str(_HERE / "slurm_up.sh"), "exec", "-d", str(self.folder), "--", *command],
            cwd=run.folder if run else None,
            env=run.environment() if run else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def hand_in(self, run: SmallRun, *arguments: str) -> str:
        """Start the run's launch.sh. The job's number."""
        said = self.call("bash", "build/launch.sh", *arguments, run=run)
        return said.strip().split()[-1]

    def facts(self, job: str) -> dict[str, str]:
        """What SLURM knows of a job."""
        words = self.call("scontrol", "--oneliner", "show", "job", job).split()
        return dict(word.split("=", 1) for word in words if "=" in word)

    def wait_for_end(self, job: str, seconds: float = 240) -> dict[str, str]:
        """The facts of a job that has ended."""
        over = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL"}
        wait_until(lambda: self.facts(job)["JobState"] in over, seconds)
        return self.facts(job)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    script = ["bash", str(_HERE / "slurm_up.sh")]
    with TemporaryDirectory(prefix="slurm-") as outer:
        os.chmod(outer, 0o755)
        folder = Path(outer) / "cluster"
        up = [*script, "up", "-d", str(folder), "-n", "2", "-c", "2", "-g", "2"]
        subprocess.run(up, check=True, timeout=120)
        yield Slurm(folder=folder)
        subprocess.run([*script, "down", "-d", str(folder)], check=True, timeout=120)


@pytest.fixture(scope="module")
def undisturbed(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> SmallRun:
    run = small_run(tmp_path_factory.mktemp("undisturbed"), LAUNCH, nodes=2, devices=1)
    facts = slurm.wait_for_end(slurm.hand_in(run))
    assert facts["JobState"] == "COMPLETED", log_of(run)
    return run


def log_of(run: SmallRun) -> str:
    """What the run's jobs have printed."""
    return "\n".join(path.read_text("utf-8") for path in sorted(run.build.glob("*.out")))


def test_slurm_takes_the_golden_job(slurm: Slurm) -> None:
    slurm.call("sbatch", "--test-only", str(GOLDEN))


def test_two_nodes_train_and_evaluate(undisturbed: SmallRun) -> None:
    assert undisturbed.steps() == list(range(1, 301))
    assert (undisturbed.results() / "metrics.json").is_file()
    assert len((undisturbed.results() / "predictions.jsonl").read_text("utf-8").splitlines()) == 4


@pytest.mark.parametrize("how", ["preempted", "out of time", "a lost node"])
def test_a_run_that_is_interrupted_ends_with_the_prompt_of_one_that_is_not(
    how: str, slurm: Slurm, undisturbed: SmallRun, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run", LAUNCH, nodes=2, devices=1)
    job = slurm.hand_in(run)
    run.wait_for_checkpoint()
    if how == "preempted":
        short = ["--wait", "--partition=high", "--nodes=2", "--exclusive", "--output=/dev/null"]
        slurm.call("sbatch", *short, "--wrap=sleep 1")
    elif how == "out of time":
        slurm.call("scancel", "--signal=USR1", job)
    else:
        slurm.call("scontrol", "update", "nodename=node2", "state=down", "reason=x")
        time.sleep(2)
        with suppress(AssertionError):  # it may have come back by itself
            slurm.call("scontrol", "update", "nodename=node2", "state=resume")
    facts = slurm.wait_for_end(job)
    said = log_of(run)

    assert (facts["JobState"], facts["Restarts"]) == ("COMPLETED", "1"), said
    assert "going on from step" in said
    assert how == "a lost node" or "is saved, and the same command goes on" in said
    assert run.table().equal(undisturbed.table())


def test_a_cancelled_job_stays_so_and_has_saved(slurm: Slurm, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", LAUNCH, nodes=2, devices=1)
    job = slurm.hand_in(run)
    run.wait_for_checkpoint()
    slurm.call("scancel", job)
    facts = slurm.wait_for_end(job)
    time.sleep(3)

    assert (slurm.facts(job)["JobState"], facts["Restarts"]) == ("CANCELLED", "0")


def test_a_job_whose_rank_was_killed_fails_within_seconds_and_is_not_put_back(
    slurm: Slurm, tmp_path: Path
) -> None:
    run = small_run(tmp_path / "run", LAUNCH, nodes=2, devices=1)
    job = slurm.hand_in(run)
    run.wait_for_checkpoint()
    slurm.call("pkill", "-9", "--oldest", "-f", f"{run.build}/train.py")
    killed = time.monotonic()
    facts = slurm.wait_for_end(job, 60)

    assert (facts["JobState"], facts["Restarts"]) == ("FAILED", "0")
    assert time.monotonic() - killed < 30
    assert not (run.results() / "metrics.json").exists()


def test_the_set_up_is_tried_in_a_folder_of_its_own(slurm: Slurm, tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", LAUNCH, nodes=2, devices=1)
    facts = slurm.wait_for_end(slurm.hand_in(run, "--smoke"))

    assert facts["JobState"] == "COMPLETED", log_of(run)
    assert [path.name for path in (run.folder / "runs").iterdir()] == ["mood-smoke"]
    assert run.steps("mood-smoke") == [1, 2, 3]
