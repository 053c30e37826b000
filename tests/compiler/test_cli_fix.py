"""`spec validate --fix`, `--diff` and `--strict`."""

import os
from pathlib import Path

import pytest

from softprompt_compiler.cli import fix
from tests.compiler.command_line import SPEC, call, spawn, work_in

WRONG = SPEC.replace("max_steps: 2", "max_steps: '2'")
WARNED = SPEC.replace("virtual_prompt_style: p-tuning", "init: {method: random}")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch, wrong=WRONG, warned=WARNED)


def test_a_fixed_spec_is_sound_and_it_is_said_what_was_fixed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", "wrong.yaml", "--fix", "--no-data")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "wrong.yaml:12:23: fixed SP0103: `max_steps` is the text `2`; it takes a whole number of "
        "at least 1 or null\nwrong.yaml: sound\n"
    )
    assert (folder / "wrong.yaml").read_text("utf-8") == SPEC


def test_byte_order_mark_line_breaks_and_permissions_stay(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "wrong.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + WRONG.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    (folder / "link.yaml").symlink_to("wrong.yaml")

    assert call(capsys, "validate", "link.yaml", "--fix", "--no-data").code == 0
    assert path.read_bytes() == b"\xef\xbb\xbf" + SPEC.replace("\n", "\r\n").encode()
    assert path.stat().st_mode & 0o777 == 0o640
    assert (folder / "link.yaml").is_symlink()
    assert [each.name for each in folder.iterdir() if each.name.endswith(".tmp")] == []


def test_a_spec_without_sure_fixes_is_not_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = os.stat("warned.yaml")

    assert call(capsys, "validate", "warned.yaml", "--fix", "--no-data").code == 0
    after = os.stat("warned.yaml")
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_tools_get_their_format_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "validate", "wrong.yaml", "--fix", "--no-data", "-o", "json")

    assert outcome.out.startswith("{")
    assert "fixed SP0103" in outcome.err


def test_a_setting_neither_is_fixed_nor_hides_what_the_file_says(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`--set` takes part in the check; the file is changed only where it is wrong by itself."""
    setting = ["--set", "training.max_steps='3'", "--fix", "--no-data"]

    assert call(capsys, "validate", "spec.yaml", *setting).code == 1
    assert call(capsys, "validate", "wrong.yaml", *setting).code == 1
    assert (folder / "spec.yaml").read_text("utf-8") == SPEC
    assert (folder / "wrong.yaml").read_text("utf-8") == WRONG


def test_the_difference_is_a_patch_and_nothing_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", "wrong.yaml", "--diff", "--no-data")
    lines = outcome.out.splitlines()

    assert outcome.code == 1
    assert lines[:2] == ["--- wrong.yaml", "+++ wrong.yaml"]
    assert [line for line in lines[3:] if line[0] in "+-"] == [
        "-training: {max_steps: '2', optim: {sched: {warmup_steps: 1}}}",
        "+training: {max_steps: 2, optim: {sched: {warmup_steps: 1}}}",
    ]
    assert (folder / "wrong.yaml").read_text("utf-8") == WRONG
    assert call(capsys, "validate", "spec.yaml", "--diff", "--no-data").out == ""


def test_standard_input_can_be_shown_and_not_fixed(folder: Path) -> None:
    shown = spawn(folder, "validate", "-", "--diff", "--no-data", stdin=WRONG.encode())
    fixed = spawn(folder, "validate", "-", "--fix", stdin=WRONG.encode())

    assert shown.out.startswith("--- <stdin>\n")
    assert (fixed.code, fixed.out) == (2, "")
    assert "spec validate - --diff" in fixed.err


@pytest.mark.parametrize("others", [["--fix"], ["-o", "json"]])
def test_the_difference_stands_alone(
    others: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", "wrong.yaml", "--diff", *others)

    assert (outcome.code, outcome.out) == (2, "")
    assert (folder / "wrong.yaml").read_text("utf-8") == WRONG


def test_a_file_that_changed_meanwhile_is_not_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write = fix._write  # pyright: ignore[reportPrivateUsage]

    def edit_and_write(path: Path, before: str, after: str) -> None:
        path.write_text("name: mine\n", "utf-8")
        write(path, before, after)

    monkeypatch.setattr(fix, "_write", edit_and_write)
    outcome = call(capsys, "validate", "wrong.yaml", "--fix")

    assert (outcome.code, outcome.out) == (1, "")
    assert "has changed meanwhile" in outcome.err
    assert (folder / "wrong.yaml").read_text("utf-8") == "name: mine\n"


@pytest.mark.parametrize("name", ["none.yaml", "latin1.yaml", "data"])
def test_what_cannot_be_read_is_told_as_ever(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(capsys, "validate", name, "--fix").code == 1
    assert call(capsys, "validate", name, "--diff").code == 1


@pytest.mark.parametrize("command", ["validate", "compile"])
def test_warnings_fail_only_when_asked_to(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lenient = call(capsys, command, "warned.yaml", "--no-data")
    strict = call(capsys, command, "warned.yaml", "--no-data", "--strict")

    assert lenient.code == 0
    assert "warning[SP0251]" in lenient.err
    assert (strict.code, strict.out) == (1, "")
    assert strict.err.endswith("1 warning in warned.yaml\nwarnings fail here, as --strict says\n")
    assert call(capsys, command, "spec.yaml", "--no-data", "--strict").code == 0


def test_a_strict_run_does_not_start(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "run", "warned.yaml", "--strict", "--out", "out")

    assert outcome.code == 1
    assert not (folder / "out").exists()
