import subprocess
import sys
from pathlib import Path

import pytest

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run_lock import sole_training
from tests.runtime.plans import tiny_plan
from tests.runtime.training_runs import make_ready, prepare_folder


def test_a_second_training_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    ready = make_ready(tiny_plan(), prepare_folder(tmp_path))

    with (
        sole_training(ready.run.folder),
        pytest.raises(RunFailure, match="Another process is training in"),
    ):
        ready.fit()

    assert not ready.run.checkpoints_folder.exists()


def test_the_folder_is_free_after_a_training_that_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), sole_training(tmp_path):
        _ = 1 // 0
    with sole_training(tmp_path):
        pass


def test_the_folder_is_free_after_a_training_that_was_killed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys\n"
        "from softprompt_runtime.run_lock import sole_training\n"
        "with sole_training(pathlib.Path(sys.argv[1])):\n"
        "    os.kill(os.getpid(), 9)\n"
    )

    killed = subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)

    assert killed.returncode == -9
    with sole_training(tmp_path):
        pass
