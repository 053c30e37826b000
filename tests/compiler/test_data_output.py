"""What `spec validate` prints about rows: tables for people, JSON for tools."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from softprompt_compiler.report_schema import report_schema
from tests.compiler.command_line import SPEC, call, spawn, work_in

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    spec = SPEC.replace("answer_field: mood", "answer_field: mood\n    metrics: [accuracy]")
    return work_in(tmp_path, monkeypatch, spec=spec)


def _write(folder: Path, split: str, rows: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "data" / f"{split}.jsonl").write_text(text, "utf-8")


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    value = json.loads(call(capsys, "validate", "spec.yaml", "-o", "json", *arguments).out)
    jsonschema.validate(value, report_schema())
    return value


def test_people_get_tables_and_sentences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "validate", "spec.yaml")

    assert (
        outcome.out
        == """\
                        longest,
task  split       rows    tokens
mood  train          4        34
      validation     2        31
      test           2        26

task  tokens, before cutting  mean  median  95 %  longest
mood  virtual tokens           5.0       5     5        5
      BOS, EOS                 1.0       1     1        1
      text of the template    13.0      13    13       13
      {text}                   7.8       7    11       11
      {mood}                   3.5       3     4        4
      the whole row           30.2      30    34       34

task  label  train  validation  test
mood  glad       2           1     1
      sad        2           1     1

every row fits whole: the longest takes 58 of `max_seq_length: 64`, 32 of them to generate
2 optimizer steps

spec.yaml: sound
"""
    )


@pytest.fixture
def troubled(folder: Path) -> Path:
    """A spec whose rows have every fault that is counted, and a task with a long name."""
    long = {"text": "word " * 40, "mood": "glad", "id": "1", "a long name of a column": 2}
    good = {"text": "It rained.", "mood": "sad"}
    rows = [good, good, {**good, "mood": "glad"}, {"text": "x", "mood": ""}, {"text": 1}, long]
    _write(folder, "train", [*rows, *({"text": f"{at}", "mood": f"l{at}"} for at in range(20))])
    _write(folder, "validation", [good, {"text": "y", "mood": "m" * 80}])
    _write(folder, "test", [{"text": "word " * 30}, {"text": "z", "mood": "\u6771\u4eac\x1b[31m"}])
    text = (folder / "spec.yaml").read_text("utf-8")
    text = text.replace("  mood:\n", f"  {'mood' * 10}:\n")
    text = text.replace("answer_field: mood", "answer_field: mood\n    truncate_field: text")
    (folder / "spec.yaml").write_text(text, "utf-8")
    return folder


@pytest.mark.parametrize("width", [80, 120])
def test_tables_are_no_wider_than_the_terminal(
    troubled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = call(capsys, "validate", "spec.yaml").out.splitlines()

    assert max(map(len, lines)) <= width
    figures = [line.split() for line in lines if " train " in f"{line} " and "label" not in line]
    numbers = [word for line in figures for word in line if word.isdigit()]
    assert numbers[:5] == ["26", "1", "1", "1", "1"]  # rows, faulty, repeated, other answer, empty
    assert "\x1b" not in "".join(lines)
    assert "(13 more)" in "\n".join(lines)


def test_a_pipe_gets_plain_text_and_color_what_was_asked_for(
    troubled: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = call(capsys, "validate", "spec.yaml").out
    colored = call(capsys, "validate", "spec.yaml", "--color", "always").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    forced = call(capsys, "validate", "spec.yaml").out
    monkeypatch.setenv("NO_COLOR", "1")
    no_color = call(capsys, "validate", "spec.yaml").out

    assert "\x1b" not in plain
    assert "\x1b[1m" in colored
    assert forced == colored
    assert no_color == plain
    assert [line.rstrip() for line in ANSI.sub("", colored).splitlines()] == plain.splitlines()


def test_a_terminal_without_unicode_is_no_crash(troubled: Path) -> None:
    outcome = spawn(troubled, "validate", "spec.yaml", PYTHONIOENCODING="ascii", COLUMNS="80")

    assert outcome.code == 1
    assert "optimizer steps" in outcome.out
    assert "Traceback" not in outcome.err


def test_json_has_every_figure(troubled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (data,) = _json(capsys)["data"]
    train, validation, test = data["splits"]
    tokens = train.pop("tokens")

    assert train == {
        "task": "mood" * 10,
        "split": "train",
        "num_rows": 26,
        "num_faulty": 1,
        "missing_fields": {"mood": 1},
        "extra_columns": {"id": 1, "a long name of a column": 1},
        "num_other_extra": 0,
        "num_empty_answers": 1,
        "num_without_answer": 0,
        "num_repeated": 1,
        "num_contrary": 1,
        "num_in_train": None,
        "labels": {"sad": 2, "glad": 2, "": 1, **{f"l{at}": 1 for at in range(20)}},
        "num_other_labels": 0,
    }
    assert (tokens["num_cut"], tokens["num_unfit"]) == (1, 0)
    assert tokens["whole_row"]["max"] == 5 + 7 + 200 + 6 + 4 + 1
    assert tokens["cut"]["text"]["num_rows"] == 1
    assert [(part["part"], part["field"]) for part in tokens["parts"]] == [
        ("virtual", None),
        ("special", None),
        ("template", None),
        ("field", "text"),
        ("answer", "mood"),
    ]
    assert (validation["num_in_train"], test["num_without_answer"]) == (1, 1)
    assert data["max_seq_length"]["cuts_nothing"] == tokens["whole_row"]["max"]
    assert data["max_seq_length"]["given"] == 64


def test_json_of_rows_that_were_not_read_has_no_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _json(capsys, "--no-data")["data"] == []
    assert len(_json(capsys)["data"]) == 1


def test_json_lists_all_faults_of_rows_and_people_see_a_few(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(folder, "train", [{"text": "no mood"}] * 300)
    value = _json(capsys)
    people = call(capsys, "validate", "spec.yaml")
    github = call(capsys, "validate", "spec.yaml", "-o", "github")

    assert value["error_count"] == 300
    lines = [each["range"]["start"]["line"] for each in value["diagnostics"]]
    assert lines == list(range(1, 301))
    assert people.err.count("error[SP0342]") == 5
    assert "  = note: 295 more like this in the train data of task `mood`\n" in people.err
    assert people.err.endswith("\n300 errors in spec.yaml\n")
    assert github.out.count("::error file=") == 5
