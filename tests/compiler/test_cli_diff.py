"""`spec diff`: what it names, what it concludes, its formats and its exit codes."""

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.compiler.command_line import SPEC, call, work_in

OTHER = SPEC.replace("max_steps: 2", "max_steps: 4").replace("Text:", "Words:")
_CONSEQUENCE = {
    "type": "object",
    "properties": {
        "answer": {"enum": ["yes", "no", "unsure"]},
        "reasons": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["answer", "reasons"],
    "additionalProperties": False,
}
_CHANGE = {"enum": ["changed", "added", "removed"]}
_PLACE = {"type": ["string", "null"]}
SCHEMA = {
    "type": "object",
    "properties": {
        "format_version": {"const": "1.0"},
        "a": {"type": "string"},
        "b": {"type": "string"},
        "same": {"type": "boolean"},
        "values": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "key": {"type": "string"},
                    "change": _CHANGE,
                    "before": {},
                    "after": {},
                    "place_before": _PLACE,
                    "place_after": _PLACE,
                    "decides_result": {"type": "boolean"},
                },
                "minProperties": 7,
                "additionalProperties": False,
            },
        },
        "data": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "task": {"type": "string"},
                    "split": {"enum": ["train", "validation", "test"]},
                },
                "minProperties": 2,
                "additionalProperties": False,
            },
        },
        "model_files": {"type": "boolean"},
        "scripts": {
            "type": ["array", "null"],
            "items": {
                "type": "object",
                "properties": {
                    "file": {"type": "string"},
                    "change": _CHANGE,
                    "diff": {"type": "string"},
                },
                "minProperties": 3,
                "additionalProperties": False,
            },
        },
        "resumable": _CONSEQUENCE,
        "soft_prompt_fits": _CONSEQUENCE,
    },
    "minProperties": 10,
    "additionalProperties": False,
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch, other=OTHER)


def found(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    outcome = call(capsys, "diff", *arguments, "-o", "json")
    assert outcome.code in (0, 1), outcome.err
    value = json.loads(outcome.out)
    jsonschema.validate(value, SCHEMA)
    assert value["same"] is (outcome.code == 0)
    return value


def test_each_value_is_told_with_its_places_and_what_follows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "diff", "spec.yaml", "other.yaml")

    assert (outcome.code, outcome.err) == (1, "")
    assert outcome.out == (
        "~ tasks.mood.prompt_template  (spec.yaml:6 -> other.yaml:6)\n"
        '    - "<|VIRTUAL_PROMPT_0|> Text: {text} Mood:{mood}"\n'
        '    + "<|VIRTUAL_PROMPT_0|> Words: {text} Mood:{mood}"\n'
        "~ training.max_steps: 2 -> 4  (spec.yaml:12 -> other.yaml:12)\n"
        "\n"
        "scripts: experiment.py (--scripts shows the lines)\n"
        "a training of spec.yaml goes on as other.yaml: no\n"
        "    `tasks.mood.prompt_template` decides the result\n"
        "    `training.max_steps` decides the result\n"
        "a soft prompt trained by spec.yaml serves other.yaml: no\n"
        "    `tasks.mood.prompt_template` is another\n"
    )


def test_comments_layout_and_the_place_of_the_scripts_are_no_difference(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "other.yaml").write_text("# a comment\n" + SPEC, "utf-8")
    call(capsys, "compile", "spec.yaml", "--out", "deep/out")

    for other in ("other.yaml", "deep/out", "deep/out/plan.json"):
        outcome = call(capsys, "diff", "spec.yaml", other)
        assert (outcome.code, outcome.err) == (0, ""), other
        assert outcome.out == f"spec.yaml and {other} compile to the same run\n"


def test_scripts_are_shown_as_a_unified_diff(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "diff", "spec.yaml", "other.yaml", "--scripts")

    assert "--- spec.yaml:experiment.py\n+++ other.yaml:experiment.py\n@@ " in outcome.out
    assert "\n-        max_steps=2,\n+        max_steps=4,\n" in outcome.out


def test_a_script_that_was_edited_by_hand_differs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "compile", "spec.yaml", "--out", "out")
    script = folder / "out" / "train.py"
    script.write_text(script.read_text("utf-8") + "edited()\n", "utf-8")
    (folder / "out" / "launch.sh").unlink()

    value = found(capsys, "spec.yaml", "out")
    assert [(each["file"], each["change"]) for each in value["scripts"]] == [
        ("train.py", "changed"),
        ("launch.sh", "removed"),
    ]
    assert "+edited()" in value["scripts"][0]["diff"]


@pytest.mark.parametrize(
    ("setting", "resumable", "fits"),
    [
        ("training.micro_batch_size=1", "yes", "yes"),
        ("inference.tokens_to_generate=3", "yes", "yes"),
        ("training.seed=3", "no", "yes"),
        ("training.resume=never", "no", "yes"),
        ("name=renamed", "unsure", "yes"),
        ("tasks.mood.data.train=data/test.jsonl", "unsure", "yes"),
        ("tasks.mood.data.test=data/train.jsonl", "yes", "yes"),
        ("tasks.mood.data.max_rows.train=3", "unsure", "yes"),
        ("tasks.mood.data.max_rows.test=1", "yes", "yes"),
        ("tasks.mood.total_virtual_tokens=6", "no", "no"),
        ("tasks.mood.whitespace=nemo-2023", "no", "no"),
        ("inference.add_bos=true", "no", "yes"),
        ("model.source=models/copy", "unsure", "unsure"),
    ],
)
def test_what_follows_for_checkpoints_and_for_a_soft_prompt(
    setting: str, resumable: str, fits: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "models" / "copy").symlink_to("tiny")
    call(capsys, "compile", "spec.yaml", "--out", "out")
    value = found(capsys, "out", "spec.yaml", "--set", setting)

    assert value["values"]
    assert value["resumable"]["answer"] == resumable
    assert value["soft_prompt_fits"]["answer"] == fits
    for name in ("resumable", "soft_prompt_fits"):
        assert (value[name]["reasons"] == []) is (value[name]["answer"] == "yes")


def test_data_and_model_files_of_other_content_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "compile", "spec.yaml", "--out", "out")
    with (folder / "data" / "train.jsonl").open("a") as file:
        file.write('{"text": "New.", "mood": "glad"}\n')
    value = found(capsys, "out", "spec.yaml")
    assert value["values"] == []
    assert value["data"] == [{"task": "mood", "split": "train"}]
    assert value["resumable"]["answer"] == "unsure"
    assert value["soft_prompt_fits"]["answer"] == "yes"

    config = folder / "models" / "tiny" / "config.json"
    config.write_text(config.read_text("utf-8").replace('"eos_token_id": 2', '"eos_token_id": 1'))
    value = found(capsys, "out", "spec.yaml")
    assert value["model_files"] is True
    assert value["soft_prompt_fits"]["answer"] == "unsure"


def test_the_same_rows_under_another_name_are_the_same_rows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "moved.jsonl").write_bytes((folder / "data" / "train.jsonl").read_bytes())
    call(capsys, "compile", "spec.yaml", "--out", "out")
    value = found(capsys, "out", "spec.yaml", "--set", "tasks.mood.data.train=moved.jsonl")

    assert [each["key"] for each in value["values"]] == ["tasks.mood.data.train"]
    assert value["resumable"] == {"answer": "yes", "reasons": []}


def test_a_task_that_comes_or_goes_is_one_change(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = SPEC.split("tasks:\n")[1].split("prompt_learning:")[0]
    two = SPEC.replace(task, task + task.replace("mood:\n", "a.data:\n", 1))
    (folder / "two.yaml").write_text(two, "utf-8")

    value = found(capsys, "spec.yaml", "two.yaml")
    assert [(each["key"], each["change"]) for each in value["values"]] == [
        ("tasks.a.data", "added")
    ]
    assert value["values"][0]["after"]["prompt_template"].startswith("<|VIRTUAL_PROMPT_0|>")
    assert value["resumable"]["answer"] == value["soft_prompt_fits"]["answer"] == "no"

    value = found(capsys, "two.yaml", "spec.yaml")
    assert [(each["key"], each["change"]) for each in value["values"]] == [
        ("tasks.a.data", "removed")
    ]
    assert value["soft_prompt_fits"]["answer"] == "yes"

    (folder / "swapped.yaml").write_text(
        SPEC.replace(task, task.replace("mood:\n", "a.data:\n", 1) + task), "utf-8"
    )
    value = found(capsys, "two.yaml", "swapped.yaml")
    assert [(each["key"], each["before"]) for each in value["values"]] == [
        ("tasks", ["mood", "a.data"])
    ]
    assert value["resumable"]["answer"] == "no"


def test_the_setting_holds_for_both_specs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "diff", "spec.yaml", "spec.yaml", "--set", "training.seed=4").code == 0


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("nothing.yaml", "spec.yaml", "error[SP0001]"),
        ("nothing.json", "spec.yaml", "nothing.json cannot be read: No such file"),
        ("data", "spec.yaml", "data has no plan.json"),
        ("bad.json", "spec.yaml", "bad.json: plan.json cannot be used: not JSON"),
        ("old.json", "spec.yaml", "plan format 0; this version reads format"),
        ("deep.json", "spec.yaml", "deep.json: plan.json is nested too deep"),
        ("latin.json", "spec.yaml", "latin.json is not UTF-8"),
        ("pipe.json", "spec.yaml", "pipe.json is no file"),
        ("broken", "spec.yaml", "broken: manifest.json is not as `spec compile` writes it"),
        ("-", "-", "standard input is one spec"),
    ],
)
def test_what_cannot_be_compared_is_2_and_no_traceback(
    a: str, b: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.json").write_text("{")
    (folder / "old.json").write_text('{"format": 0}')
    (folder / "deep.json").write_text("[" * 200_000)
    (folder / "latin.json").write_bytes(b'"\xe9"')
    os.mkfifo(folder / "pipe.json")
    call(capsys, "compile", "spec.yaml", "--out", "broken")
    (folder / "broken" / "manifest.json").write_text('{"values": {}, "data": 3}')
    for one, two in ((a, b), (b, a)):
        outcome = call(capsys, "diff", one, two)
        assert (outcome.code, outcome.out) == (2, "")
        assert said in outcome.err


@pytest.mark.parametrize(
    "arguments", [["out", "out", "--set", "name=x"], ["out", "out", "--scripts", "-o", "json"]]
)
def test_an_option_without_effect_is_refused(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "compile", "spec.yaml", "--out", "out")

    assert call(capsys, "diff", *arguments).code == 2


def test_nothing_of_a_plan_reaches_the_terminal_raw(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "compile", "spec.yaml", "--out", "out")
    plan = folder / "out" / "plan.json"
    plan.write_text(plan.read_text("utf-8").replace('"mood"', '"\\u001b[31m\\u202e\\n"'), "utf-8")
    outcome = call(capsys, "diff", "spec.yaml", "out", "--scripts", "--color", "never")

    assert outcome.code == 1
    assert "\x1b" not in outcome.out
    assert "\u202e" not in outcome.out
