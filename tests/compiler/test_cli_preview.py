import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.compiler.command_line import SPEC, call, spawn, work_in

TWO_TASKS = SPEC.replace(
    "prompt_learning:",
    """\
  more:
    prompt_template: "<|VIRTUAL_PROMPT_0|>{text}:{mood}"
    answer_field: mood
    data: {train: [data/validation.jsonl, data/test.jsonl]}
prompt_learning:""",
)
ROW_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "task": {"type": "string"},
        "file": {"type": "string"},
        "line": {"type": "integer", "minimum": 1},
        "status": {"enum": ["ok", "cut", "unfit", "faulty"]},
        "reason": {"type": "string"},
        "num_tokens": {"type": ["integer", "null"], "minimum": 1},
        "limit": {"type": "integer", "minimum": 1},
        "input_ids": {"type": "array", "items": {"type": "integer"}},
        "answer_start": {"type": ["integer", "null"], "minimum": 1},
        "loss_mask": {"type": "array", "items": {"type": "boolean"}},
        "cut": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "pieces": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "kind": {"enum": ["virtual", "bos", "eos", "text", "cut", "unread"]},
                    "text": {"type": "string"},
                    "ids": {"type": "array", "items": {"type": "integer"}},
                    "in_loss": {"type": "boolean"},
                    "field": {"type": ["string", "null"]},
                },
                "required": ["kind", "text", "ids", "in_loss", "field"],
            },
        },
    },
}
ROW_SCHEMA["required"] = list(ROW_SCHEMA["properties"])
SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "format_version": {"const": "1.0"},
        "spec": {"type": "string"},
        "split": {"enum": ["train", "validation", "test"]},
        "special_tokens": {"type": "object", "additionalProperties": {"type": "string"}},
        "rows": {"type": "array", "items": ROW_SCHEMA},
    },
    "required": ["format_version", "spec", "split", "special_tokens", "rows"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch, two=TWO_TASKS)


def rows(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    """The rows of the JSON output, held against the schema."""
    outcome = call(capsys, "preview", *arguments, "-o", "json")
    assert outcome.code == 0, outcome.err
    value = json.loads(outcome.out)
    jsonschema.validate(value, SCHEMA)
    for row in value["rows"]:
        ids = [id for piece in row["pieces"] for id in piece["ids"]]
        assert ids == row["input_ids"]
        assert len(row["loss_mask"]) == len(ids)
    return value["rows"]


def places(found: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(row["task"], row["file"], row["line"]) for row in found]


def append(path: str, *lines: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def test_the_first_three_training_rows_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "preview", "spec.yaml")

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.count("data/train.jsonl:") == 3
    assert "mood  data/train.jsonl:1  34/64 tokens  whole\n  \u27e6mood 0-4\u27e7" in outcome.out


def test_as_many_rows_are_shown_as_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(rows(capsys, "spec.yaml", "--rows", "1")) == 1
    assert len(rows(capsys, "spec.yaml", "--rows", "all")) == 4
    assert len(rows(capsys, "spec.yaml", "--rows", "99")) == 4


def test_every_task_shows_its_rows_unless_one_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = rows(capsys, "two.yaml", "--rows", "1")
    one = rows(capsys, "two.yaml", "--rows", "1", "--task", "more")

    assert places(both) == [("mood", "data/train.jsonl", 1), ("more", "data/validation.jsonl", 1)]
    assert places(one) == places(both)[1:]


def test_a_task_without_the_split_is_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {row["task"] for row in rows(capsys, "two.yaml", "--split", "test")} == {"mood"}
    outcome = call(capsys, "preview", "two.yaml", "--split", "test", "--task", "more")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == "error: the task more has no test data\n"


def test_rows_are_found_by_line_and_by_file_and_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert places(rows(capsys, "spec.yaml", "--row", "4", "--row", "2")) == [
        ("mood", "data/train.jsonl", 2),
        ("mood", "data/train.jsonl", 4),
    ]
    more = ("two.yaml", "--task", "more")
    assert len(rows(capsys, *more, "--row", "2")) == 2
    named = [("more", "data/test.jsonl", 2)]
    assert places(rows(capsys, *more, "--row", "test.jsonl:2")) == named
    assert places(rows(capsys, *more, "--row", "data/test.jsonl:2")) == named


@pytest.mark.parametrize(
    ("arguments", "message", "help"),
    [
        (
            ("spec.yaml", "--row", "1", "--row", "9"),
            "no row begins at line 9 of data/train.jsonl",
            "the row above it begins at data/train.jsonl:4",
        ),
        (
            ("two.yaml", "--row", "9"),
            "no row begins at line 9 of any file of the train data",
            "the row above it begins at data/test.jsonl:2",
        ),
        (
            ("two.yaml", "--row", "nope.jsonl:1"),
            "the train data has no file `nope.jsonl`",
            "its files: data/train.jsonl, data/validation.jsonl, data/test.jsonl",
        ),
    ],
)
def test_a_line_without_a_row_is_told(
    arguments: tuple[str, ...],
    message: str,
    help: str,
    folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    outcome = call(capsys, "preview", *arguments)

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err == f"error: {message}\n  = help: {help}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rows", "0"), "--rows is `0`"),
        (("--rows", "few"), "--rows is `few`"),
        (("--rows", ""), "--rows is ``"),
        (("--row", "0"), "--row is `0`"),
        (("--row", "data/train.jsonl"), "--row is `data/train.jsonl`"),
        (("--rows", "2", "--row", "1"), "--rows and --row are both given"),
        (("--task", "tone"), "the spec has no task tone"),
    ],
)
def test_what_cannot_be_shown_is_wrong_usage(
    arguments: tuple[str, ...], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "preview", "spec.yaml", *arguments)

    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith(f"error: {message}\n  = help: ")


def test_max_rows_hides_rows_but_none_that_is_asked_for_by_its_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limited = ("spec.yaml", "--set", "tasks.mood.data.max_rows.train=1")

    assert [line for _, _, line in places(rows(capsys, *limited, "--rows", "all"))] == [1]
    assert [line for _, _, line in places(rows(capsys, *limited, "--row", "3"))] == [3]


def test_a_test_row_is_a_prompt_that_leaves_room_and_counts_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = ("--set", "inference.tokens_to_generate=30")
    (row, _) = rows(capsys, "spec.yaml", "--split", "test", *setting)

    assert row["limit"] == 34
    assert "".join(piece["text"] for piece in row["pieces"]) == " Text: Hooray! Mood:"
    assert row["answer_start"] is None
    assert not any(row["loss_mask"])
    assert row["pieces"][-1]["kind"] == "text"


def test_a_cut_row_says_what_it_lost(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    setting = ("--set", "model.max_seq_length=33", "--set", "tasks.mood.truncate_field=text")
    arguments = ("spec.yaml", "--rows", "1", *setting, "--set", "inference.tokens_to_generate=1")
    (row,) = rows(capsys, *arguments)

    assert (row["status"], row["reason"]) == ("cut", "text lost 1 token")
    assert row["cut"] == {"text": 1}
    lost = [piece for piece in row["pieces"] if piece["kind"] == "cut"]
    assert [(piece["text"], piece["field"]) for piece in lost] == [("!", "text")]
    assert "33/33 tokens  cut: text lost 1 token" in call(capsys, "preview", *arguments).out


def test_a_row_that_does_not_fit_is_shown_whole_to_people_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--set", "model.max_seq_length=33", "--set", "inference.tokens_to_generate=1")
    (row,) = rows(capsys, "spec.yaml", "--rows", "1", *settings)
    human = call(capsys, "preview", "spec.yaml", "--rows", "1", *settings).out

    reason = "the row has 34 tokens, and cannot be cut to 33: no `truncate_field` holds text"
    assert (row["status"], row["reason"], row["num_tokens"]) == ("unfit", reason, 34)
    assert row["input_ids"] == row["pieces"] == []
    assert f"34/33 tokens  too long: {reason}\n" in human
    assert "W\u00b7h\u00b7a\u00b7t \u00b7a \u00b7d\u00b7a\u00b7y\u00b7!" in human


def test_a_faulty_row_tells_all_its_faults(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    append("data/train.jsonl", '{"text": 5}', "{", '{"text": "", "mood": ""}')
    found = rows(capsys, "spec.yaml", "--rows", "all")

    assert [row["status"] for row in found[4:]] == ["faulty", "faulty", "ok"]
    assert "`text`" in found[4]["reason"]
    assert "`mood`" in found[4]["reason"]
    assert found[4]["input_ids"] == []
    assert found[4]["num_tokens"] is None
    shown = call(capsys, "preview", "spec.yaml", "--row", "6")
    assert "data/train.jsonl:6  faulty: " in shown.out


def test_a_spec_with_errors_shows_them_and_no_rows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = ("--set", "training.max_steps=0")
    for output_format in ("human", "html", "json"):
        outcome = call(capsys, "preview", "spec.yaml", *setting, "-o", output_format)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith("error[SP")
    assert "error[SP0001]" in call(capsys, "preview", "none.yaml").err


def test_warnings_do_not_mix_with_the_rows(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = ("--set", 'tasks.mood.prompt_template="<|VIRTUAL_PROMPT_0|>{text}  {mood}"')
    outcome = call(capsys, "preview", "spec.yaml", *setting, "-o", "json")

    assert outcome.code == 0
    assert outcome.err.startswith("warning[SP")
    assert len(json.loads(outcome.out)["rows"]) == 3


def test_a_tokenizer_that_cannot_be_read_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "models" / "tiny" / "tokenizer.json").write_text("{}", "utf-8")
    outcome = call(capsys, "preview", "spec.yaml")

    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("error[SP03")


def test_a_model_that_is_not_on_this_machine_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HOME", str(folder / "hub"))
    outcome = call(capsys, "preview", "spec.yaml", "--set", "model.source=nobody/nothing")

    assert (outcome.code, outcome.out) == (1, "")
    assert "error: the tokenizer of nobody/nothing is not on this machine\n" in outcome.err


def test_colors_are_as_asked(folder: Path) -> None:
    def out(*arguments: str, force: str = "", no: str = "") -> str:
        command = ("preview", "spec.yaml", "--rows", "1", *arguments)
        return spawn(folder, *command, FORCE_COLOR=force, NO_COLOR=no).out

    assert "\x1b[" not in out()
    assert "\x1b[" in out(force="1")
    assert "\x1b[" not in out(force="1", no="1")
    assert "\x1b[" in out("--color", "always", no="1")


def test_lines_are_as_wide_as_the_terminal(folder: Path) -> None:
    outcome = spawn(folder, "preview", "spec.yaml", COLUMNS="40")

    body = [line for line in outcome.out.splitlines() if not line.startswith("mood  ")]
    assert max(map(len, body)) <= 40


def test_a_page_survives_any_encoding_of_the_output(folder: Path) -> None:
    append("data/train.jsonl", '{"text": "\u6771\u4eac", "mood": " glad"}')
    outcome = spawn(
        folder, "preview", "spec.yaml", "--row", "5", "-o", "html", PYTHONIOENCODING="ascii"
    )

    assert outcome.code == 0
    assert "&#26481;" in outcome.out
    assert "\\u" not in outcome.out
