import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.compiler.command_line import SPEC, call, spawn, work_in

WRONG = SPEC.replace("max_steps: 2", "max_step: 2")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch, wrong=WRONG)


def test_a_sound_spec_is_praised_on_standard_output(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", "spec.yaml", "--no-data")

    assert (outcome.code, outcome.out, outcome.err) == (0, "spec.yaml: sound\n", "")


def test_what_the_rows_are_like_is_told_before_the_praise(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", "spec.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[2].split() == ["mood", "train", "4", "34"]
    assert outcome.out.endswith("\n2 optimizer steps\n\nspec.yaml: sound\n")


def test_faults_go_to_standard_error_with_a_closing_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", "wrong.yaml")

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error[SP0101]: `max_step` is not a field of `training`\n")
    assert outcome.err.endswith("\n\n1 error in wrong.yaml\n")


def test_several_specs_are_told_apart(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "validate", "wrong.yaml", "spec.yaml", "none.yaml")

    assert outcome.code == 1
    assert outcome.out.startswith("spec.yaml\n\n")
    assert outcome.out.endswith("\n\nspec.yaml: sound\n")
    assert "1 error in wrong.yaml" in outcome.err
    assert "1 error in none.yaml" in outcome.err


def test_json_is_all_that_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "validate", "wrong.yaml", "spec.yaml", "-o", "json")
    value = json.loads(outcome.out)

    assert (outcome.code, outcome.err) == (1, "")
    assert [each["spec"] for each in value["diagnostics"]] == ["wrong.yaml"]
    assert json.loads(call(capsys, "validate", "spec.yaml", "-o", "json").out)["valid"] is True


def test_github_annotations_are_added_on_github(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    automatic = call(capsys, "validate", "wrong.yaml")
    asked = call(capsys, "validate", "wrong.yaml", "-o", "github")
    human = call(capsys, "validate", "wrong.yaml", "-o", "human")

    assert automatic.out.startswith("::error file=wrong.yaml,line=12,")
    assert automatic.err.startswith("error[SP0101]")
    assert (asked.out, asked.err) == (automatic.out, "")
    assert (human.out, human.err) == ("", automatic.err)


def test_a_setting_is_checked_where_it_was_given(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(
        capsys, "validate", "spec.yaml", "--set", "name=x", "--set", "training.max_steps=0"
    )

    assert outcome.code == 1
    assert " --> --set:2:20\n  |\n2 | training.max_steps=0\n  |                    ^" in outcome.err


def test_rows_are_read_unless_told_otherwise(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "data" / "train.jsonl").write_text('{"text": "no mood"}\n', "utf-8")

    assert "data/train.jsonl:1" in call(capsys, "validate", "spec.yaml").err
    assert call(capsys, "validate", "spec.yaml", "--no-data").code == 0


def test_colors_are_as_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "\x1b[" not in call(capsys, "validate", "wrong.yaml").err
    assert "\x1b[" in call(capsys, "validate", "wrong.yaml", "--color", "always").err


def test_standard_input_is_a_spec_of_the_working_folder(folder: Path) -> None:
    good = spawn(folder, "validate", "-", "--no-data", stdin=SPEC.encode())
    bad = spawn(folder, "validate", "-", stdin=b"\xff")

    assert (good.code, good.out) == (0, "-: sound\n")
    assert bad.code == 1
    assert " --> <stdin>:1:1" in bad.err


@pytest.mark.parametrize("name", ["none.yaml", "data", "spec.yaml/x", "x" * 5000, "a\0b", ""])
def test_what_cannot_be_read_is_told(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "validate", name)

    assert outcome.code == 1
    assert "error[SP0001]" in outcome.err


def test_a_slip_in_the_spec_s_name_is_told_what_was_meant(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "did you mean `spec.yaml`?" in call(capsys, "validate", "spek.yaml").err


def test_a_pipe_that_nobody_writes_to_does_not_block(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe.yaml")

    assert "error[SP0005]" in call(capsys, "validate", "pipe.yaml").err


def test_a_device_without_end_does_not_block(capsys: pytest.CaptureFixture[str]) -> None:
    assert "error[SP0003]" in call(capsys, "validate", "/dev/zero").err


@given(st.binary() | st.text().map(str.encode))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_file_gives_a_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], data: bytes
) -> None:
    (folder / "any.yaml").write_bytes(data)

    assert call(capsys, "validate", "any.yaml").code == 1


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_no_setting_gives_a_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    outcome = call(capsys, "validate", "spec.yaml", "--no-data", "--set", f"training.seed={text}")

    assert outcome.code in (0, 1)


@pytest.mark.parametrize("command", ["validate", "compile"])
@pytest.mark.parametrize("form", ["json", "sarif", "gitlab", "junit", "github"])
def test_a_format_for_tools_is_all_that_is_printed(
    command: str, form: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = call(capsys, command, "wrong.yaml", "-o", form)
    right = call(capsys, command, "spec.yaml", "-o", form)

    assert (wrong.code, wrong.err) == (1, "")
    assert (right.code, right.err) == (0, "")
    assert "SP0101" in wrong.out
    first = {"json": "{", "sarif": "{", "gitlab": "[", "junit": "<", "github": ""}[form]
    assert wrong.out.startswith(first)
    assert right.out.startswith(first)
    assert "sound" not in right.out


def test_the_summary_of_a_step_on_github_is_added_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = folder / "summary.md"
    summary.write_text("before\n", "utf-8")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    call(capsys, "validate", "wrong.yaml", "spec.yaml", "--no-data")
    call(capsys, "validate", "wrong.yaml", "-o", "json")

    assert summary.read_text("utf-8").startswith(
        "before\n### spec\n\n| | spec | errors | warnings | notes |\n|---|---|---:|---:|---:|\n"
        "| \u274c | wrong.yaml | 1 | 0 | 0 |\n| \u2705 | spec.yaml | 0 | 0 | 0 |\n\n"
        "```text\nerror[SP0101]: "
    )
    assert summary.read_text("utf-8").count("### spec") == 1

    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(folder / "none" / "summary.md"))
    unwritten = call(capsys, "validate", "spec.yaml", "--no-data")
    assert (unwritten.code, unwritten.out) == (0, "spec.yaml: sound\n")
    assert unwritten.err.startswith("warning: ")
    assert "cannot be written" in unwritten.err


def test_ignored_warnings_are_counted_and_do_not_fail(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    warned = SPEC.replace(
        "virtual_prompt_style: p-tuning",
        "init: {method: random}  # softprompt: ignore[SP0251] the baseline",
    )
    (folder / "spec.yaml").write_text(warned, "utf-8")
    outcome = call(capsys, "validate", "spec.yaml", "--no-data", "--strict")

    assert (outcome.code, outcome.out, outcome.err) == (0, "spec.yaml: sound, 1 ignored\n", "")
    value = json.loads(call(capsys, "validate", "spec.yaml", "-o", "json").out)
    assert [each["reason"] for each in value["ignored"]] == ["the baseline"]
