import os
import stat
from pathlib import Path

import pytest

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.folder import stale_files, write_files
from tests.compiler.command_line import call, spawn, work_in

EMITTED = ["evaluate.py", "experiment.py", "launch.sh", "manifest.json", "plan.json", "train.py"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_files_go_where_they_are_asked_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "compile", "spec.yaml", "--out", "a/b")

    assert (outcome.code, outcome.err) == (0, "")
    assert names(folder / "a" / "b") == EMITTED
    assert all(name in outcome.out for name in EMITTED)
    assert os.access(folder / "a" / "b" / "launch.sh", os.X_OK)
    assert not os.access(folder / "a" / "b" / "plan.json", os.X_OK)


def test_without_a_folder_the_name_of_the_spec_is_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "compile", "spec.yaml")
    call(capsys, "compile", "spec.yaml", "--set", "name=other")

    assert names(folder / "build") == ["mood", "other"]


def test_a_wrong_spec_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "compile", "spec.yaml", "--out", "out", "--set", "name=../x")

    assert outcome.code == 1
    assert not (folder / "out").exists()


def test_the_same_spec_gives_the_same_bytes_from_any_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    first = spawn(folder, "compile", "spec.yaml", "--out", "one", PYTHONHASHSEED="1")
    again = spawn(folder / "sub", "compile", "../spec.yaml", "--out", "../two", PYTHONHASHSEED="2")
    full = spawn(folder, "compile", str(folder / "spec.yaml"), "--out", str(folder / "three"))

    assert (first.code, again.code, full.code) == (0, 0, 0)
    for name in EMITTED:
        texts = [(folder / out / name).read_bytes() for out in ("one", "two", "three")]
        assert texts[0] == texts[1] == texts[2], name


def test_foreign_files_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "out").mkdir()
    (folder / "out" / "notes.txt").write_text("mine", "utf-8")
    call(capsys, "compile", "spec.yaml", "--out", "out")

    assert (folder / "out" / "notes.txt").read_text("utf-8") == "mine"


def test_check_says_what_is_stale_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = call(capsys, "compile", "spec.yaml", "--out", "out", "--check")
    assert absent.code == 1
    assert not (folder / "out").exists()

    call(capsys, "compile", "spec.yaml", "--out", "out")
    assert call(capsys, "compile", "spec.yaml", "--out", "out", "--check").code == 0

    (folder / "out" / "train.py").write_text("edited", "utf-8")
    (folder / "out" / "plan.json").unlink()
    stale = call(capsys, "compile", "spec.yaml", "--out", "out", "--check")
    assert stale.code == 1
    assert "error: stale: out/train.py, out/plan.json" in stale.err
    assert "spec compile spec.yaml --out out" in stale.err
    assert (folder / "out" / "train.py").read_text("utf-8") == "edited"

    changed = call(capsys, "compile", "spec.yaml", "--out", "out", "--check", "--set", "name=x")
    assert changed.code == 1


def test_where_nothing_can_be_written_no_traceback_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "compile", "spec.yaml", "--out", "spec.yaml/out")

    assert outcome.code == 1
    assert outcome.err.startswith("error: ")
    assert "cannot be written" in outcome.err


def test_a_file_that_holds_its_text_already_is_not_touched(tmp_path: Path) -> None:
    write_files(tmp_path, {"a": "1", "b": "2"})
    before = (tmp_path / "a").stat().st_ino
    write_files(tmp_path, {"a": "1", "b": "3"})

    assert (tmp_path / "a").stat().st_ino == before
    assert (tmp_path / "b").read_text("utf-8") == "3"
    assert stale_files(tmp_path, {"a": "1", "b": "2", "c": ""}) == ["b", "c"]


def test_a_failure_leaves_the_old_files_and_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path, {"a": "1", "b": "2"})
    synced: list[int] = []

    def full_disk(handle: int) -> None:
        synced.append(handle)
        if len(synced) == 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(CommandFailure, match="No space left on device"):
        write_files(tmp_path, {"a": "3", "b": "4"})

    assert names(tmp_path) == ["a", "b"]
    assert (tmp_path / "a").read_text("utf-8") == "1"


def test_a_link_in_the_folder_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious", "utf-8")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a").symlink_to(tmp_path / "victim")
    write_files(tmp_path / "out", {"a": "1"})

    assert (tmp_path / "victim").read_text("utf-8") == "precious"
    assert not (tmp_path / "out" / "a").is_symlink()


def test_files_have_the_rights_that_the_umask_leaves(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        write_files(tmp_path, {"a.txt": "1", "a.sh": "1"})
    finally:
        os.umask(previous)

    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "a.sh").stat().st_mode) == 0o750


def test_faulty_rows_are_refused_unless_no_data_is_to_be_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.jsonl").write_text('{"text": 1, "mood": "sad"}\n', "utf-8")
    call_it = ("compile", "spec.yaml", "--out", "out", "--set", "tasks.mood.data.train=bad.jsonl")

    refused = call(capsys, *call_it)
    unread = call(capsys, *call_it, "--no-data")

    assert refused.code == 1
    assert "error[SP0343]" in refused.err
    assert "bad.jsonl:1:2" in refused.err
    assert unread.code == 0
