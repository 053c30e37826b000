import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.data_report import SplitReport
from softprompt_compiler.diagnostic import Severity
from softprompt_compiler.finding_log import MOST_SHOWN
from softprompt_compiler.pipeline import Checked
from tests.compiler.specs import check, codes, spec, task

Rows = list[dict[str, Any]]
GOOD = {"text": "It rained.", "mood": "sad"}
LONG = {"text": "It rained. " * 20, "mood": "sad"}  # 220 tokens, one a byte


@pytest.fixture
def folder(world_folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "models").symlink_to(world_folder / "models")
    return tmp_path


def _write(folder: Path, name: str, rows: Rows) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(text, "utf-8")


def _check(folder: Path, *lines: str, extra: str = "", training: str = "max_steps: 20") -> Checked:
    named = [
        name for name in ("train", "validation", "test") if (folder / f"{name}.jsonl").exists()
    ]
    data = ", ".join(f"{name}: {name}.jsonl" for name in named)
    if not any(line.startswith("data:") for line in lines):
        lines = (*lines, f"data: {{{data}}}")
    text = spec(
        extra, tasks=task("answer_field: mood", *lines), training=f"training: {{{training}}}"
    )
    return check(text, folder, read_data=True)


def _split(checked: Checked, at: int = 0) -> SplitReport:
    assert checked.data is not None
    return checked.data.splits[at]


def test_sound_rows_are_counted_in_silence(folder: Path) -> None:
    _write(folder, "train", [GOOD] * 40)
    _write(folder, "test", [{"text": "Hooray!", "mood": "glad"}])

    checked = _check(folder)

    assert checked.diagnostics == ()
    assert checked.data is not None
    assert checked.data.num_steps == 20
    # 10 virtual tokens, 10 + 6 + 3 bytes, EOS; a test row has neither answer nor EOS
    found = [(each.split, each.num_rows, each.tokens) for each in checked.data.splits]
    assert [(split, rows, tokens and tokens.whole.counts) for split, rows, tokens in found] == [
        ("train", 40, {30: 40}),
        ("test", 1, {23: 1}),
    ]


def test_a_fault_stands_at_its_line_of_the_data(folder: Path) -> None:
    _write(folder, "train", [GOOD, {"text": "x"}, GOOD, {"text": 3, "mood": "sad"}])

    found = _check(folder).diagnostics

    assert [(each.code, each.span.line, each.span.text) for each in found] == [
        ("SP0342", 2, '{"text": "x"}'),
        ("SP0343", 4, '"text"'),
    ]
    assert found[0].span.source.name.endswith("train.jsonl")


def test_a_spec_with_faulty_rows_has_no_plan(folder: Path) -> None:
    _write(folder, "train", [{"text": "x"}])

    assert _check(folder).plan is None


def test_every_fault_of_a_row_is_reported_and_the_row_counted_once(folder: Path) -> None:
    _write(folder, "train", [{"text": 1, "mood": None}, {}, GOOD])

    checked = _check(folder)

    assert codes(checked.diagnostics) == ["SP0343", "SP0343", "SP0342", "SP0342"]
    split = _split(checked)
    assert (split.num_rows, split.num_faulty, split.missing) == (3, 2, {"text": 1, "mood": 1})


def test_a_few_faults_of_each_kind_are_shown_and_all_are_told(folder: Path) -> None:
    rows: Rows = [{"text": f"{at}"} for at in range(2500)]
    _write(folder, "train", [*rows, {"text": 1, "mood": "sad"}])
    _write(folder, "test", [{}] * (MOST_SHOWN + 1))

    checked = _check(folder)
    assert checked.data is not None
    every = list(checked.data.findings.every())

    assert codes(checked.diagnostics) == ["SP0342"] * 2 * MOST_SHOWN + ["SP0343"]
    notes = {each.notes for each in checked.diagnostics if each.notes}
    assert notes == {
        ("2,495 more like this in the train data of task `mood`",),
        ("1 more like this in the test data of task `mood`",),
    }
    assert [each.span.line for each in every] == [*range(1, 2502), *range(1, MOST_SHOWN + 2)]
    assert every[1776].span.text == '{"text": "1776"}'
    assert every[2500].code == "SP0343"
    assert checked.data.num_unlisted(Severity.ERROR) == 2496
    assert _split(checked).num_faulty == 2501


def test_rows_that_are_cut_are_counted_by_field(folder: Path) -> None:
    _write(folder, "train", [GOOD, LONG, LONG])

    checked = _check(folder, "truncate_field: text")

    assert checked.diagnostics == ()
    tokens = _split(checked).tokens
    assert tokens is not None
    assert (tokens.num_cut, tokens.num_unfit) == (2, 0)
    assert tokens.cut["text"].counts == {112: 2}
    assert tokens.whole.counts == {30: 1, 240: 2}


def test_rows_that_cannot_be_cut_are_refused_at_their_line(folder: Path) -> None:
    _write(folder, "train", [GOOD, LONG])

    found = _check(folder).diagnostics

    assert [(each.code, each.span.line) for each in found] == [("SP0350", 2)]
    assert "240 tokens" in found[0].message


def test_a_row_that_stays_too_long_without_its_truncate_field_is_told_so(folder: Path) -> None:
    _write(folder, "train", [GOOD, {"text": "It rained.", "mood": "sad" * 60}])

    (found,) = _check(folder, "truncate_field: text").diagnostics

    assert found.code == "SP0350"
    assert "with every `truncate_field` empty" in found.message
    assert found.help[0].startswith("name another `truncate_field` too")


def test_rows_that_cannot_be_cut_are_left_out_where_the_spec_says_so(folder: Path) -> None:
    _write(folder, "train", [GOOD, LONG])

    checked = _check(folder, "data: {train: train.jsonl, too_long: skip}")

    assert checked.diagnostics == ()
    tokens = _split(checked).tokens
    assert tokens is not None
    assert tokens.num_unfit == 1


def test_a_test_prompt_that_is_too_long_is_a_warning(folder: Path) -> None:
    _write(folder, "train", [GOOD])
    _write(folder, "test", [LONG])

    checked = _check(folder, "data: {train: train.jsonl, test: test.jsonl, too_long: skip}")

    assert codes(checked.diagnostics) == ["SP0351"]
    assert checked.plan is not None


@pytest.mark.parametrize("rows", [[], [LONG]])
def test_training_without_rows_is_refused(folder: Path, rows: Rows) -> None:
    _write(folder, "train", rows)

    checked = _check(folder, "data: {train: train.jsonl, too_long: skip}")

    assert codes(checked.diagnostics) == ["SP0345"]
    assert _split(checked).num_rows == len(rows)


def test_test_answers_may_be_several_or_missing(folder: Path) -> None:
    _write(folder, "train", [GOOD])
    _write(folder, "test", [{"text": "a", "mood": ["sad", "glum"]}, {"text": "b"}])

    assert _check(folder).diagnostics == ()
    assert codes(_check(folder, "metrics: [f1]").diagnostics) == ["SP0356"]


def test_a_training_answer_is_one_text(folder: Path) -> None:
    _write(folder, "train", [{"text": "a", "mood": ["sad", "glum"]}])

    assert codes(_check(folder).diagnostics) == ["SP0343"]


def test_empty_answers_and_known_rows_are_counted(folder: Path) -> None:
    _write(folder, "train", [GOOD, {"text": "a", "mood": ""}])
    _write(folder, "validation", [GOOD, {"text": "new", "mood": "sad"}])

    found = _check(folder).diagnostics

    assert [(each.code, each.message[:6]) for each in found] == [
        ("SP0352", "1 of 2"),
        ("SP0353", "1 of 2"),
    ]


@pytest.mark.parametrize(("epochs", "steps", "expected"), [(10, 30, ["SP0354"]), (30, 90, [])])
def test_steps_follow_from_rows_and_epochs(
    folder: Path, epochs: int, steps: int, expected: list[str]
) -> None:
    _write(folder, "train", [{"text": f"{at}", "mood": "sad"} for at in range(33)])

    checked = _check(folder, training=f"max_epochs: {epochs}")

    assert codes(checked.diagnostics) == expected
    assert checked.data is not None
    assert checked.data.num_steps == steps


@pytest.mark.parametrize(("text", "expected"), [("x" * 10, []), ("x" * 11, ["SP0355"])])
def test_an_init_text_that_is_longer_than_the_virtual_tokens_is_said(
    folder: Path, text: str, expected: list[str]
) -> None:
    _write(folder, "train", [GOOD])
    extra = f"prompt_learning: {{init: {{method: text, text: {text}}}}}\n"

    assert codes(_check(folder, extra=extra).diagnostics) == expected


def test_rows_are_read_where_the_model_is_not_here(folder: Path) -> None:
    _write(folder, "train", [{"text": "x"}])
    text = spec(
        model="model: {source: nobody/no-such-model}",
        tasks=task("answer_field: mood", "data: {train: train.jsonl}"),
    )

    checked = check(text, folder, read_data=True)

    assert codes(checked.diagnostics) == ["SP0312", "SP0342"]
    assert checked.data is not None
    assert (_split(checked).tokens, checked.data.limit) == (None, None)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfe{\x00}\x00", "SP0340"),
        (b'{"text": "\xff", "mood": "sad"}', "SP0341"),
        (b'{"text": "a", "text": "b", "mood": "sad"}', "SP0341"),
        (b"[1]", "SP0341"),
        (b"{" * 100_000, "SP0341"),
        (b'{"text": "\\ud800", "mood": "sad"}', "SP0343"),
        (b'{"text": "a", "mood": "\\u0000"}', "SP0343"),
        (b'{"taskname": "tone", "text": "a", "mood": "b"}', "SP0344"),
    ],
)
def test_a_broken_file_is_a_fault_and_never_a_traceback(
    folder: Path, content: bytes, code: str
) -> None:
    (folder / "train.jsonl").write_bytes(content)

    assert codes(_check(folder).diagnostics) == [code]


def test_a_broken_tokenizer_is_a_fault(world_folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    for file in (world_folder / "models" / "tiny").iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    (model / "tokenizer.json").write_text('{"model": {"type": "Unknown"}}', "utf-8")
    _write(tmp_path, "train", [GOOD])

    assert codes(_check(tmp_path).diagnostics) == ["SP0330"]
