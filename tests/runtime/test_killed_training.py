"""A training that is killed with SIGKILL at a random step and started again, in real processes."""

import multiprocessing
import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from softprompt_runtime.history import read_history
from tests.runtime import killed_training
from tests.runtime.training_runs import train

pytestmark = pytest.mark.slow
_PATIENCE_SECONDS = 300  # for a busy machine


def start(folder: Path, name: str) -> BaseProcess:
    """A fresh process; the server it is forked from has done the slow imports once."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([killed_training.__name__])
    process = context.Process(target=killed_training.train_quietly, args=(folder, name))
    process.start()
    return process


def kill_at(folder: Path, name: str, step: int) -> int:
    """Start the training and SIGKILL it once its history has `step`; how far it had come."""
    process = start(folder, name)
    try:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while process.is_alive() and reached(folder, name) < step:
            assert time.monotonic() < deadline, "the training never got so far"
            time.sleep(0.001)
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -9, "the training ended before it could be killed"
    return reached(folder, name)


def finish(folder: Path, name: str) -> None:
    process = start(folder, name)
    process.join(_PATIENCE_SECONDS)
    assert process.exitcode == 0


def reached(folder: Path, name: str) -> int:
    history = read_history(folder / "runs" / name / "history.jsonl")
    return max((int(entry["step"]) for entry in history), default=0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_killed_run_ends_with_the_same_prompt_bit_for_bit(folder: Path, seed: int) -> None:
    draw = random.Random(seed)
    train(folder, name="straight", **killed_training.PLAN)

    first = kill_at(folder, "killed", draw.randint(1, 10))
    second = kill_at(folder, "killed", draw.randint(first + 2, first + 6))
    finish(folder, "killed")

    assert 0 < first < second < 24
    for file in ("soft_prompt/soft_prompt.safetensors", "history.jsonl"):
        straight, killed = folder / "runs/straight" / file, folder / "runs/killed" / file
        assert killed.read_bytes() == straight.read_bytes()
