"""The spec command, run inside the test or as a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from softprompt_compiler.cli.app import run

ROOT = Path(__file__).parent.parent.parent

SPEC = """\
version: 1
name: mood
model: {source: models/tiny, max_seq_length: 64}
tasks:
  mood:
    prompt_template: "<|VIRTUAL_PROMPT_0|> Text: {text} Mood:{mood}"
    total_virtual_tokens: 5
    answer_field: mood
    data: {train: data/train.jsonl, validation: data/validation.jsonl, test: data/test.jsonl}
prompt_learning:
  virtual_prompt_style: p-tuning
training: {max_steps: 2, optim: {sched: {warmup_steps: 1}}}
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command left on the screen, and its exit code."""

    code: int
    out: str
    err: str


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run a command line in this process."""
    code = run(arguments)
    printed = capsys.readouterr()
    return Outcome(code=code, out=printed.out, err=printed.err)


def environment(**changes: str) -> dict[str, str]:
    """Ours, with the checkout's packages and without what would color or change the output."""
    roots = [str(ROOT / name) for name in ("compiler", "runtime", "templates")]
    dropped = {"GITHUB_ACTIONS", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "SOFTPROMPT_RUNS"}
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return {**kept, "PYTHONPATH": os.pathsep.join(roots), **changes}


def spawn(folder: Path, *arguments: str, stdin: bytes = b"", **changes: str) -> Outcome:
    """Run a command line in a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-m", "softprompt_compiler", *arguments],
        cwd=folder,
        env=environment(**changes),
        input=stdin,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return Outcome(code=done.returncode, out=done.stdout.decode(), err=done.stderr.decode())
