"""`spec fmt`: what it writes, what it leaves, its exit codes."""

import os
import stat
from pathlib import Path

import pytest

from tests.compiler.command_line import SPEC, call, spawn, work_in

MESSY = SPEC.replace("name: mood\n", "").replace("version: 1", "name:  mood # mine\nversion:  1")
NEAT = SPEC.replace("name: mood", "name: mood # mine")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch, messy=MESSY)


def test_a_spec_is_written_in_the_one_layout_and_then_left(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = call(capsys, "fmt", "messy.yaml", "spec.yaml")
    written = (folder / "messy.yaml").stat()
    again = call(capsys, "fmt", "messy.yaml")

    assert (first.code, first.out, first.err) == (0, "messy.yaml: formatted\n", "")
    assert (again.code, again.out, again.err) == (0, "", "")
    assert (folder / "messy.yaml").read_text("utf-8") == NEAT
    assert (folder / "messy.yaml").stat().st_ino == written.st_ino
    assert call(capsys, "validate", "messy.yaml").code == 0


def test_check_and_diff_write_nothing_and_fail_where_something_would_be(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check = call(capsys, "fmt", "--check", "messy.yaml", "spec.yaml")
    diff = call(capsys, "fmt", "--diff", "messy.yaml")

    assert (check.code, check.out) == (1, "messy.yaml: not formatted\n")
    assert diff.code == 1
    assert "\n-name:  mood # mine\n-version:  1\n+version: 1\n+name: mood # mine\n" in diff.out
    assert (folder / "messy.yaml").read_text("utf-8") == MESSY
    assert call(capsys, "fmt", "--check", "spec.yaml").code == 0


def test_standard_input_goes_to_standard_output(folder: Path) -> None:
    crlf = MESSY.replace("\n", "\r\n").encode()
    formatted = spawn(folder, "fmt", "-", stdin=b"\xef\xbb\xbf" + crlf)
    checked = spawn(folder, "fmt", "--check", "-", stdin=crlf)
    wrong = spawn(folder, "fmt", "-", stdin=b"a: [")

    assert (formatted.code, formatted.out, formatted.err) == (0, NEAT, "")
    assert (checked.code, checked.out) == (1, "-: not formatted\n")
    assert (wrong.code, wrong.out) == (1, "")


def test_a_spec_that_is_no_yaml_gets_its_diagnostics_and_the_others_are_formatted(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.yaml").write_text("name: x\nname: y\n", "utf-8")
    outcome = call(capsys, "fmt", "bad.yaml", "nothing.yaml", "data", "messy.yaml")

    assert outcome.code == 1
    assert outcome.out == "messy.yaml: formatted\n"
    assert "bad.yaml:2:1" in outcome.err
    assert outcome.err.count("error[SP0001]") == 2
    assert (folder / "bad.yaml").read_text("utf-8") == "name: x\nname: y\n"


def test_a_key_that_the_language_lacks_is_no_matter_of_layout(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "odd.yaml").write_text("zebra:  1\nname: x\nversion: 1\n", "utf-8")

    assert call(capsys, "fmt", "odd.yaml").code == 0
    assert (folder / "odd.yaml").read_text("utf-8") == "version: 1\nname: x\nzebra: 1\n"


def test_what_it_is_not_sure_of_is_left_and_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "braces.yaml").write_text('{"version":  1}', "utf-8")
    outcome = call(capsys, "fmt", "braces.yaml")

    assert (outcome.code, outcome.out) == (0, "")
    assert outcome.err == (
        "note: braces.yaml is left as it is: line 1, the whole spec is in braces\n"
    )
    assert (folder / "braces.yaml").read_text("utf-8") == '{"version":  1}'


def test_links_and_rights_stay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "messy.yaml").chmod(0o640)
    (folder / "link.yaml").symlink_to("messy.yaml")
    call(capsys, "fmt", "link.yaml")

    assert (folder / "link.yaml").is_symlink()
    assert (folder / "messy.yaml").read_text("utf-8") == NEAT
    assert stat.S_IMODE((folder / "messy.yaml").stat().st_mode) == 0o640


def test_a_spec_that_cannot_be_written_stays_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full_disk(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    before = sorted(path.name for path in folder.iterdir())
    monkeypatch.setattr(os, "fsync", full_disk)
    outcome = call(capsys, "fmt", "messy.yaml")
    monkeypatch.undo()

    assert outcome.code == 1
    assert "messy.yaml cannot be written: No space left on device" in outcome.err
    assert (folder / "messy.yaml").read_text("utf-8") == MESSY
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_spec_that_may_not_be_written_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def access(_path: Path, _mode: int) -> bool:
        return False

    monkeypatch.setattr(os, "access", access)  # root may write anything
    outcome = call(capsys, "fmt", "messy.yaml")

    assert outcome.code == 1
    assert "error: messy.yaml cannot be written: Permission denied" in outcome.err
    assert (folder / "messy.yaml").read_text("utf-8") == MESSY
