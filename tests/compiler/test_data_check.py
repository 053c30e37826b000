import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.data_report import summary_lines
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


def test_sound_rows_are_counted_in_silence(folder: Path) -> None:
    _write(folder, "train", [GOOD] * 40)
    _write(folder, "test", [{"text": "Hooray!", "mood": "glad"}])

    checked = _check(folder)

    assert checked.diagnostics == ()
    assert checked.data is not None
    # 10 virtual tokens, 10 + 6 + 3 bytes, EOS; a test row has neither answer nor EOS
    assert summary_lines(checked.data) == [
        "mood train: 40 rows, longest 30 tokens",
        "mood test: 1 rows, longest 23 tokens",
        "20 optimizer steps",
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
    assert checked.data is not None
    assert (checked.data.summaries[0].num_rows, checked.data.summaries[0].num_faulty) == (3, 2)


def test_thousands_of_faults_are_counted_and_not_kept(folder: Path) -> None:
    _write(folder, "train", [{"text": "x"}] * 2500)

    checked = _check(folder)

    assert len(checked.diagnostics) == 1000
    assert checked.diagnostics[-1].notes == ("1,500 more faults of this data are not listed",)
    assert checked.data is not None
    assert checked.data.summaries[0].num_faulty == 2500


def test_rows_that_are_cut_are_counted_by_field(folder: Path) -> None:
    _write(folder, "train", [GOOD, LONG, LONG])

    checked = _check(folder, "truncate_field: text")

    assert checked.diagnostics == ()
    assert checked.data is not None
    assert checked.data.summaries[0].num_cut == {"text": 2}
    assert checked.data.summaries[0].longest == 128


def test_rows_that_cannot_be_cut_are_refused_at_their_line(folder: Path) -> None:
    _write(folder, "train", [GOOD, LONG])

    found = _check(folder).diagnostics

    assert [(each.code, each.span.line) for each in found] == [("SP0350", 2)]
    assert "240 tokens" in found[0].message


def test_rows_that_cannot_be_cut_are_left_out_where_the_spec_says_so(folder: Path) -> None:
    _write(folder, "train", [GOOD, LONG])

    checked = _check(folder, "data: {train: train.jsonl, too_long: skip}")

    assert checked.diagnostics == ()
    assert checked.data is not None
    assert checked.data.summaries[0].num_too_long == 1


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
    assert checked.data is not None
    assert checked.data.summaries[0].num_rows == len(rows)


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
    assert checked.data.summaries[0].longest is None


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
