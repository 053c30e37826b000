"""The spec command, run inside the test or as a process of its own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from softprompt_compiler.cli.app import run
from tests.compiler.page_world import make_world

ROOT = Path(__file__).parent.parent.parent
_DROPPED = {
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "FORCE_COLOR",
    "NO_COLOR",
    "COLUMNS",
    "SOFTPROMPT_RUNS",
}

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


def work_in(folder: Path, monkeypatch: pytest.MonkeyPatch, **others: str) -> Path:
    """Make the pages' world, with SPEC as `spec.yaml` and others, the working folder.

    others: name, without `.yaml`, to text. Nothing of the environment changes what is printed.
    """
    make_world(folder)
    for name, text in {"spec": SPEC, **others}.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    monkeypatch.chdir(folder)
    for name in _DROPPED:
        monkeypatch.delenv(name, raising=False)
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> Outcome:
    """Run a command line in this process."""
    code = run(arguments)
    printed = capsys.readouterr()
    return Outcome(code=code, out=printed.out, err=printed.err)


def environment(**changes: str) -> dict[str, str]:
    """Ours, with the checkout's packages and without what would color or change the output."""
    roots = [str(ROOT / name) for name in ("compiler", "runtime", "templates")]
    kept = {name: value for name, value in os.environ.items() if name not in _DROPPED}
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
