"""A small run on gloo, compiled for a launch target, and what it leaves."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from softprompt_compiler.cli.app import run as spec
from tests.tiny_model_folder import write_tiny_model

ROOT = Path(__file__).parents[2]
CHECKPOINT_EVERY = 20
_SPEC = """\
version: 1
name: mood
model: {{source: model, max_seq_length: 64}}
tasks:
  mood:
    prompt_template: "<|VIRTUAL_PROMPT_0|>{{text}} mood:{{mood}}"
    total_virtual_tokens: 4
    answer_field: mood
    data: {{train: train.jsonl, validation: validation.jsonl, test: test.jsonl}}
    metrics: [accuracy]
training:
  max_steps: {steps}
  global_batch_size: 4
  micro_batch_size: 2
  val_check_interval: {steps}
  checkpoint_every_n_steps: {every}
  early_stopping: null
  loggers: []
parallelism: {{accelerator: cpu, num_nodes: {nodes}, devices: {devices}}}
inference: {{tokens_to_generate: 2}}
launch:
  environment: {{OMP_NUM_THREADS: "1"}}
{launch}
"""


@dataclass(frozen=True, kw_only=True)
class SmallRun:
    """A compiled run. folder: of spec, data, model, `build` and `runs`."""

    folder: Path

    @property
    def build(self) -> Path:
        """The compiled folder."""
        return self.folder / "build"

    def results(self, name: str = "mood") -> Path:
        """The run's own folder."""
        return self.folder / "runs" / name

    def environment(self) -> dict[str, str]:
        """The environment that starts it."""
        return {
            **os.environ,
            "PYTHON": sys.executable,
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("compiler", "runtime")),
            "SOFTPROMPT_RUNS": str(self.folder / "runs"),
            "SOFTPROMPT_CACHE": str(self.folder / "cache"),
        }

    def table(self, name: str = "mood") -> torch.Tensor:
        """The trained virtual tokens."""
        path = self.results(name) / "soft_prompt" / "soft_prompt.safetensors"
        (table,) = load_file(path).values()
        return table

    def steps(self, name: str = "mood") -> list[int]:
        """The steps in the run's history, in order."""
        lines = (self.results(name) / "history.jsonl").read_text("utf-8").splitlines()
        entries: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return [int(entry["step"]) for entry in entries if "loss" in entry]

    def wait_for_checkpoint(self) -> None:
        """Wait until it has saved for the first time."""
        wait_until(lambda: bool(list(self.results().glob("checkpoints/step-*.ckpt"))))

    def start(self, *before: str, **variables: str) -> subprocess.Popen[str]:
        """`launch.sh`, in a process group of its own. before: words in front of `bash`."""
        return subprocess.Popen(
            [*before, "bash", str(self.build / "launch.sh")],
            cwd=self.folder,
            env={**self.environment(), **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def small_run(
    folder: Path, launch: str, *, nodes: int = 1, devices: int = 2, steps: int = 300
) -> SmallRun:
    """Write and compile the run. launch: lines of its launch section, indented by two blanks."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_model(folder / "model")
    for split, count in (("train", 40), ("validation", 4), ("test", 4)):
        moods = ((f"{split} {at} was {('bad', 'fine')[at % 2]}", at % 2) for at in range(count))
        rows = [{"text": text, "mood": ("sad", "glad")[glad]} for text, glad in moods]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{split}.jsonl").write_text(lines, "utf-8")
    text = _SPEC.format(
        nodes=nodes, devices=devices, steps=steps, every=CHECKPOINT_EVERY, launch=launch
    )
    (folder / "mood.yaml").write_text(text, "utf-8")
    code = spec(["compile", str(folder / "mood.yaml"), "--out", str(folder / "build")])
    assert code in (None, 0)
    return SmallRun(folder=folder)


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait for a condition. Raises AssertionError when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:.0f} s"
        time.sleep(0.1)


def output_of(process: subprocess.Popen[str], seconds: float = 180) -> str:
    """What a process and its children print until they end. All of them are ended after that."""
    try:
        return process.communicate(timeout=seconds)[0]
    finally:
        end_session(process)


def end_session(process: subprocess.Popen[str]) -> None:
    """End all that `start` has started, its grandchildren too."""
    listed = subprocess.run(
        ["ps", "-o", "pid=", "--sid", str(process.pid)], capture_output=True, text=True, check=False
    )
    for pid in listed.stdout.split():
        try:
            os.kill(int(pid), signal.SIGKILL)
        except ProcessLookupError:
            continue
