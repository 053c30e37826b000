"""`spec test` from end to end, across the halves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from softprompt_compiler.spec_test.check import CHECKS, RUNTIME_CHECKS
from softprompt_runtime.spec_test.command import NAMES
from tests.compiler.command_line import SPEC, environment
from tests.compiler.page_world import make_world

_PATIENCE_SECONDS = 600  # for a busy machine


def test_the_halves_name_the_same_checks() -> None:
    assert tuple(RUNTIME_CHECKS) == NAMES


@pytest.mark.slow
def test_a_sound_spec_passes_every_check_and_nothing_is_left(tmp_path: Path) -> None:
    world, temporary = tmp_path / "world", tmp_path / "temporary"
    temporary.mkdir()
    make_world(world)
    (world / "spec.yaml").write_text(SPEC, "utf-8")
    before = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)

    arguments = ("test", "spec.yaml", "-o", "json", "--examples", "5")
    done = subprocess.run(
        [sys.executable, "-m", "softprompt_compiler", *arguments],
        cwd=world,
        env=environment(TMPDIR=str(temporary), SOFTPROMPT_RUNS=str(world / "own_runs")),
        capture_output=True,
        text=True,
        timeout=_PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    checks = json.loads(done.stdout)["checks"]
    assert [check["name"] for check in checks] == list(CHECKS)
    assert {check["status"] for check in checks} == {"passed"}
    after = sorted(path for path in tmp_path.rglob("*") if "__pycache__" not in path.parts)
    assert after == before
    assert not os.path.exists(world / "own_runs")
