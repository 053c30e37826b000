import logging
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from softprompt_plan.serialize import from_json
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import RUNS_VARIABLE, open_run, runs_folder
from tests.runtime.plans import tiny_plan


def test_the_run_folder_lies_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "all"))

    assert open_run(tiny_plan(), spec_folder=tmp_path).folder == tmp_path / "all" / "tiny"


def test_without_a_variable_it_lies_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(RUNS_VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)

    assert runs_folder() == tmp_path / "runs"


def test_the_plan_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))

    run = open_run(tiny_plan(), spec_folder=tmp_path)

    assert from_json((run.folder / "plan.json").read_text("utf-8")) == tiny_plan()


def test_every_generator_is_seeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))

    def draws(seed: int) -> tuple[float, float, float]:
        open_run(tiny_plan(seed=seed), spec_folder=tmp_path)
        return random.random(), float(np.random.rand()), torch.rand(()).item()

    assert draws(7) == draws(7)
    assert all(left != right for left, right in zip(draws(7), draws(8), strict=True))


def test_each_run_logs_to_its_own_file_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))
    first = open_run(tiny_plan(name="first"), spec_folder=tmp_path)
    second = open_run(tiny_plan(name="second"), spec_folder=tmp_path)

    logging.getLogger("softprompt.test").warning("only here")

    assert "only here" in (second.logs_folder / "run.log").read_text("utf-8")
    assert "only here" not in (first.logs_folder / "run.log").read_text("utf-8")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", "/root", "a\\b"])
def test_a_name_that_leads_elsewhere_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "runs"))

    with pytest.raises(RunFailure, match="not the name of a folder"):
        open_run(tiny_plan(name=name), spec_folder=tmp_path)
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_written_is_a_failure_with_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path / "file"))

    with pytest.raises(RunFailure, match="cannot be written") as failure:
        open_run(tiny_plan(), spec_folder=tmp_path)
    assert failure.value.help is not None
    assert RUNS_VARIABLE in failure.value.help
