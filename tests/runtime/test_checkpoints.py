import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from softprompt_runtime.checkpoints import (
    Checkpoint,
    best_checkpoint,
    checkpoint_paths,
    newest_checkpoint,
    read_checkpoint,
    save_checkpoint,
    set_aside,
)
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.validation_state import ValidationState


def checkpoint(step: int, best: int | None = None) -> Checkpoint:
    return Checkpoint(
        step=step,
        finished=False,
        validated_step=0,
        validation=ValidationState(best_step=best, best_loss=None if best is None else 1.0),
        identity={"training.seed": "1"},
        learner={"weight": torch.full((2,), float(step))},
        optimizer={"state": {0: {"step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]},
        precision={},
        random={"torch": torch.get_rng_state()},
    )


def steps(folder: Path) -> list[int]:
    return [int(path.stem.removeprefix("step-")) for path in checkpoint_paths(folder)]


def test_a_checkpoint_comes_back_whole(tmp_path: Path) -> None:
    written = checkpoint(3, best=2)

    read = read_checkpoint(save_checkpoint(tmp_path, written))

    assert replace(read, learner={}, random={}) == replace(written, learner={}, random={})
    assert torch.equal(read.learner["weight"], written.learner["weight"])
    assert torch.equal(read.random["torch"], written.random["torch"])


def test_the_last_two_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(1, 7):
        save_checkpoint(tmp_path, checkpoint(step, best=min(step, 2)))

    assert steps(tmp_path) == [6, 5, 2]


def test_steps_are_ordered_as_numbers(tmp_path: Path) -> None:
    for step in (999_999, 1_000_000):
        save_checkpoint(tmp_path, checkpoint(step))

    assert steps(tmp_path) == [1_000_000, 999_999]


def test_what_a_killed_process_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / ".step-000001.ckpt.abc.tmp").write_bytes(b"half")

    save_checkpoint(tmp_path, checkpoint(2))

    assert os.listdir(tmp_path) == ["step-000002.ckpt"]


class Evil:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("owned",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        pickle.dumps(Evil()),
        {"format": 1},
        {"format": 1, "step": "x"},
        [],
        {},
        {"format": 1, **vars(checkpoint(1)), "validation": {}, "step": -1},
        {"format": 1, **vars(checkpoint(1)), "validation": {"other": 1}},
        {"format": 1, **vars(checkpoint(1)), "validation": {}, "learner": []},
    ],
    ids=range(10),
)
def test_a_file_that_is_no_checkpoint_is_a_failure_and_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "step-000001.ckpt"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)

    with pytest.raises(RunFailure, match="cannot be read"):
        read_checkpoint(path)
    assert not (tmp_path / "owned").exists()


def test_code_inside_a_torch_file_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"format": 1, "evil": Evil()}, tmp_path / "step-000001.ckpt")

    with pytest.raises(RunFailure, match="cannot be read"):
        read_checkpoint(tmp_path / "step-000001.ckpt")
    assert not (tmp_path / "owned").exists()


def test_another_format_is_named(tmp_path: Path) -> None:
    torch.save({"format": 2}, tmp_path / "step-000001.ckpt")

    with pytest.raises(RunFailure, match="has format 2"):
        read_checkpoint(tmp_path / "step-000001.ckpt")


def test_the_newest_that_can_be_read_is_taken(tmp_path: Path) -> None:
    for step in (1, 2):
        save_checkpoint(tmp_path, checkpoint(step))
    (tmp_path / "step-000002.ckpt").write_bytes(b"cut short")

    found = newest_checkpoint(tmp_path)

    assert found is not None
    assert found.step == 1


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "none") is None


def test_the_best_is_read_from_its_own_file(tmp_path: Path) -> None:
    for step in (1, 2, 3, 4):
        save_checkpoint(tmp_path, checkpoint(step, best=1))
    last = newest_checkpoint(tmp_path)
    assert last is not None

    assert best_checkpoint(tmp_path, last).step == 1
    assert best_checkpoint(tmp_path, replace(last, validation=ValidationState())).step == 4


def test_checkpoints_set_aside_get_a_free_name(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    assert set_aside(folder) is None
    for expected in ("checkpoints.1", "checkpoints.2"):
        save_checkpoint(folder, checkpoint(1))
        assert set_aside(folder) == tmp_path / expected
    assert not folder.exists()


def test_a_disk_that_refuses_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(RunFailure, match="cannot be written"):
        save_checkpoint(tmp_path / "file", checkpoint(1))
