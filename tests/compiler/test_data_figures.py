"""What is counted of rows: each figure by rows made for it, and all against a plain recount."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softprompt_compiler.data_report import DataReport, SplitReport
from softprompt_compiler.digest_set import DigestSet
from softprompt_compiler.lengths import Lengths
from softprompt_compiler.pipeline import Checked
from softprompt_plan.part_lengths import PartKind
from softprompt_plan.vocabulary import Split
from tests.compiler.specs import check, codes, spec, task

Row = dict[str, Any]
ACCURACY = "metrics: [accuracy]"


@pytest.fixture
def folder(world_folder: Path, tmp_path: Path) -> Path:
    (tmp_path / "models").symlink_to(world_folder / "models")
    return tmp_path


def _checked(folder: Path, *lines: str, extra: str = "", **splits: list[Row]) -> Checked:
    for name, rows in splits.items():
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    data = ", ".join(f"{name}: {name}.jsonl" for name in splits)
    lines = ("answer_field: mood", "truncate_field: text", f"data: {{{data}}}", *lines)
    return check(spec(extra, tasks=task(*lines)), folder, read_data=True)


def _report(checked: Checked) -> DataReport:
    assert checked.data is not None
    return checked.data


def _splits(checked: Checked) -> dict[str, SplitReport]:
    return {split.split.value: split for split in _report(checked).splits}


def _rows(*texts: str) -> list[Row]:
    """Rows written as `text=mood`."""
    return [dict(zip(("text", "mood"), text.split("="), strict=True)) for text in texts]


def test_rows_that_repeat_an_earlier_one_are_told_from_those_that_contradict_it(
    folder: Path,
) -> None:
    rows = _rows("a=x", "b=x", "a=x", "a=x", "a=y", "a=y", "a=z", "b=x")
    train = _splits(_checked(folder, train=rows))["train"]

    assert (train.num_repeated, train.num_contrary) == (4, 2)


def test_fields_are_not_mixed_up_when_rows_are_compared(folder: Path) -> None:
    train = _splits(_checked(folder, train=_rows("ab=c", "a=bc", "=abc", "abc=")))["train"]

    assert (train.num_repeated, train.num_contrary) == (0, 0)


def test_contrary_rows_are_a_warning_where_answers_are_labels(folder: Path) -> None:
    torn, spaced, test = _rows("a=x", "a=y"), _rows("a=x", "a= x"), _rows("b=x")

    assert codes(_checked(folder, train=torn, test=test).diagnostics) == []
    assert codes(_checked(folder, ACCURACY, train=torn, test=test).diagnostics) == ["SP0357"]
    assert codes(_checked(folder, ACCURACY, train=spaced, test=test).diagnostics) == []


def test_columns_that_no_field_uses_are_counted(folder: Path) -> None:
    rows: list[Row] = [
        {"text": "a", "mood": "x", "id": 1, "taskname": "mood"},
        {"text": "b", "mood": "x", "id": 2, "url": None},
    ]

    assert _splits(_checked(folder, train=rows))["train"].extra.counts == {"id": 2, "url": 1}


def test_a_thousand_names_of_columns_are_kept_and_the_others_counted(folder: Path) -> None:
    row: Row = {"text": "a", "mood": "x", **{f"column {at}": "" for at in range(1007)}}
    extra = _splits(_checked(folder, train=[row, row]))["train"].extra

    assert (len(extra.counts), set(extra.counts.values()), extra.num_others) == (1000, {2}, 14)


def test_labels_are_counted_where_a_metric_takes_answers_for_labels(folder: Path) -> None:
    train: list[Row] = _rows("a=x", "b= x", "c=y ")
    test: list[Row] = [*_rows("d=y"), {"text": "e"}]

    found = _splits(_checked(folder, "metrics: [macro_f1]", train=train, test=test))
    assert {name: each.labels and each.labels.counts for name, each in found.items()} == {
        "train": {"x": 2, "y": 1},
        "test": {"y": 1},
    }
    assert (
        _splits(_checked(folder, "metrics: [f1]", train=train, test=test))["train"].labels is None
    )


def test_of_several_accepted_labels_one_that_is_trained_counts(folder: Path) -> None:
    test: list[Row] = [{"text": "c", "mood": ["z", "y"]}, {"text": "d", "mood": ["w", "v"]}]
    checked = _checked(folder, ACCURACY, train=_rows("a=x", "b=y"), test=test)

    labels = _splits(checked)["test"].labels
    assert labels is not None
    assert labels.counts == {"y": 1, "w": 1}


def test_test_labels_that_were_never_trained_are_a_warning(folder: Path) -> None:
    train, test = _rows("a=x", "b=y"), _rows("c=Y", "d=x ", "e=Y", "f=z")
    (found,) = _checked(folder, ACCURACY, train=train, test=test).diagnostics

    assert (found.code, found.notes) == ("SP0358", ("the labels are `Y`, `z`",))
    assert found.message.startswith("3 of 4 test rows")


def test_tokens_are_counted_by_part(folder: Path) -> None:
    rows = [*_rows("four=x"), *_rows("sixsix=glad")]
    checked = _checked(folder, train=rows, test=_rows("four=x"))
    found = {
        split: {part.field or part.kind: each.counts for part, each in report.tokens.parts.items()}
        for split, report in _splits(checked).items()
        if report.tokens is not None
    }

    assert found == {
        "train": {
            PartKind.VIRTUAL: {10: 2},
            PartKind.SPECIAL: {1: 2},
            PartKind.TEMPLATE: {6: 2},  # ` mood:`
            "text": {4: 1, 6: 1},
            "mood": {1: 1, 4: 1},
        },
        "test": {
            PartKind.VIRTUAL: {10: 1},
            PartKind.SPECIAL: {0: 1},
            PartKind.TEMPLATE: {6: 1},
            "text": {4: 1},
        },
    }


def test_the_limit_that_cuts_nothing_leaves_room_for_completions(folder: Path) -> None:
    rows = [{"text": "x" * length, "mood": "y"} for length in range(1, 201)]
    prompts: list[Row] = [{"text": "x" * 100}]
    inference = "inference: {tokens_to_generate: 40}\n"
    limit = _report(_checked(folder, extra=inference, train=rows, test=prompts)).limit

    assert limit is not None
    assert (limit.num_rows, limit.limit, limit.max_positions) == (201, 128, 128)
    # 18 tokens beside the text of a row, and 16 + 40 beside a prompt's
    assert (limit.for_all, limit.for_99_percent, limit.num_generated) == (218, 216, 0)
    assert limit.num_too_long == 200 - 110 + 1


def test_what_a_completion_takes_of_the_limit_is_told(folder: Path) -> None:
    inference = "inference: {tokens_to_generate: 40}\n"
    checked = _checked(folder, extra=inference, train=_rows("a=b"), test=_rows("a=b"))
    limit = _report(checked).limit

    assert limit is not None
    assert (limit.for_all, limit.num_generated) == (57, 40)


# Against a recount

_TEXTS = st.sampled_from(["", "a", "b", "a b", "\u6771\u4eac", "x" * 150])
_MOODS = st.sampled_from(["x", " x", "y", ""])
_ROWS = st.lists(st.fixed_dictionaries({"text": _TEXTS, "mood": _MOODS}), min_size=1, max_size=12)


@given(train=_ROWS, validation=_ROWS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_figures_are_those_of_a_recount(
    folder: Path, train: list[Row], validation: list[Row]
) -> None:
    found = _splits(_checked(folder, train=train, validation=validation))

    for name, rows in (("train", train), ("validation", validation)):
        split = found[name]
        pairs = {(row["text"], row["mood"]) for row in rows}
        texts = {row["text"] for row in rows}
        filled = [f"{row['text']} mood:{row['mood']}".rstrip(" ") for row in rows]
        lengths = [10 + len(text.encode()) + 1 for text in filled]
        assert split.num_rows == len(rows)
        assert split.num_repeated == len(rows) - len(pairs)
        assert split.num_contrary == len(pairs) - len(texts)
        assert split.num_empty_answers == sum(row["mood"] == "" for row in rows)
        assert split.tokens is not None
        assert split.tokens.whole.counts == Counter(lengths)
        assert split.tokens.num_cut == sum(length > 128 for length in lengths)
    known = {row["text"] for row in train}
    assert found["validation"].num_trained == sum(row["text"] in known for row in validation)
    assert found["train"].num_trained is None


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 100))
def test_percentiles_and_means_are_those_of_the_sorted_list(
    values: list[int], percent: int
) -> None:
    lengths = Lengths(counts=Counter(values))
    ordered = sorted(values)

    assert lengths.num_rows == len(values)
    assert lengths.longest == max(values, default=0)
    assert lengths.mean == pytest.approx(sum(values) / len(values) if values else 0.0)
    found = lengths.percentile(percent)
    if values:
        assert found in values
        assert sum(value <= found for value in ordered) * 100 >= percent * len(values)
        assert sum(value < found for value in ordered) * 100 < percent * len(values)


@given(st.lists(st.binary(min_size=8, max_size=8), max_size=3000))
@settings(max_examples=20)
def test_a_digest_set_holds_what_was_put_in(digests: list[bytes]) -> None:
    _assert_same(digests)


def test_a_digest_set_grows() -> None:
    _assert_same([(at * 1024).to_bytes(8, "little") for at in range(1, 5000)])


def _assert_same(digests: list[bytes]) -> None:
    found = DigestSet()
    for digest in digests:
        found.add(digest)
    assert len(found) == len(set(digests))
    assert all(digest in found for digest in digests)
    assert b"\xff" * 7 + b"\x00" not in found


def test_splits_are_told_in_their_order(folder: Path) -> None:
    checked = _checked(folder, test=_rows("c=x"), train=_rows("a=x"), validation=_rows("b=x"))

    assert [split.split for split in _report(checked).splits] == list(Split)
