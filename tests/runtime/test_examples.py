import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.example import Example, RowEncoder, Unfit
from softprompt_plan.vocabulary import Split, TooLongPolicy
from softprompt_runtime.examples import Examples, load_examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import open_run
from softprompt_runtime.tokenizer import load_tokenizer
from tests.runtime.plans import tiny_plan, tiny_task
from tests.tokenizers_for_tests import fast_tokenizer


def write(folder: Path, split: str, *rows: Any, task: str = "mood") -> Path:
    path = folder / f"{task}_{split}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def load(folder: Path, split: Split, **changes: Any) -> Examples:
    run = open_run(tiny_plan(**changes), spec_folder=folder)
    return load_examples(run, load_tokenizer(run), split)


def ids_of(folder: Path, text: str) -> tuple[int, ...]:
    run = open_run(tiny_plan(), spec_folder=folder)
    return tuple(load_tokenizer(run).encode_continuation(text))


def test_a_training_row_is_its_whole_text_and_eos(folder: Path) -> None:
    write(folder, "train", {"text": "ab", "label": " x"})

    (row,) = load(folder, Split.TRAIN)

    assert isinstance(row, Example)
    assert row.input_ids == (-1, -2, -3, -4, *ids_of(folder, "ab mood: x"), 2)
    assert sum(row.loss_mask) == 3


def test_a_test_row_is_a_prompt_with_its_answer_set_apart(folder: Path) -> None:
    write(folder, "test", {"text": "ab", "label": " x"})

    examples = load(folder, Split.TEST)

    (row,) = examples
    assert isinstance(row, Example)
    assert row.input_ids == (-1, -2, -3, -4, *ids_of(folder, "ab mood:"))
    assert examples.origin(0).references == (" x",)


def test_a_test_row_may_have_several_answers_or_none(folder: Path) -> None:
    write(folder, "test", {"text": "a", "label": ["x", "y"]}, {"text": "a"})

    examples = load(folder, Split.TEST)

    assert [examples.origin(at).references for at in range(2)] == [("x", "y"), ()]


def test_every_row_has_an_id_of_its_own_and_its_place(folder: Path) -> None:
    path = write(folder, "test", {"text": "a"}, {"text": "b"})
    other = write(folder, "test", {"text": "c"}, task="other")
    tasks = (tiny_task(), tiny_task("other"))

    examples = load(folder, Split.TEST, tasks=tasks)

    origins = [examples.origin(at) for at in range(len(examples))]
    assert [origin.id for origin in origins] == ["mood:0", "mood:1", "other:0"]
    assert [(origin.file, origin.line) for origin in origins] == [(path, 1), (path, 2), (other, 1)]


def test_prompts_leave_room_for_what_is_generated(folder: Path) -> None:
    write(folder, "test", {"text": "a" * 200})

    (row,) = load(folder, Split.TEST)

    assert isinstance(row, Example)
    assert len(row.input_ids) == 64 - 4


def test_a_prompt_that_cannot_fit_keeps_its_place(folder: Path) -> None:
    write(folder, "test", {"text": "a" * 200}, {"text": "b"})
    task = replace(tiny_task(), truncate_fields=())

    examples = load(folder, Split.TEST, tasks=(task,))

    assert [isinstance(row, Unfit) for row in examples] == [True, False]
    assert [examples.length(at) for at in range(2)] == [0, 11]


@pytest.mark.parametrize("split", [Split.TRAIN, Split.VALIDATION])
def test_rows_that_cannot_fit_fail_with_their_places(folder: Path, split: Split) -> None:
    path = write(folder, split, *[{"text": "a" * 200, "label": " x"}] * 7)
    task = replace(tiny_task(), truncate_fields=())

    with pytest.raises(RunFailure) as failure:
        load(folder, split, tasks=(task,))

    lines = failure.value.message.splitlines()
    assert lines[0] == f"The {split} data of task 'mood' has rows that cannot be made to fit:"
    assert lines[1] == f"  {path}:1: the row has 213 tokens; 64 are allowed"
    assert lines[-1] == "  and 2 more"
    assert len(lines) == 7


def test_rows_that_cannot_fit_are_counted_out_where_the_policy_says_so(folder: Path) -> None:
    write(folder, "train", {"text": "a" * 200, "label": ""}, {"text": "b", "label": ""})
    task = replace(tiny_task(data={"too_long": TooLongPolicy.SKIP}), truncate_fields=())

    examples = load(folder, Split.TRAIN, tasks=(task,))

    assert examples.num_skipped == {"mood": 1}
    assert [examples.origin(at).id for at in range(len(examples))] == ["mood:1"]


def test_faulty_rows_fail_with_their_places(folder: Path) -> None:
    path = write(folder, "train", {"text": "a", "label": "x"}, {"text": 3, "label": "x"}, {})

    with pytest.raises(RunFailure) as failure:
        load(folder, Split.TRAIN)

    lines = failure.value.message.splitlines()
    assert lines[0] == "The train data of task 'mood' cannot be used:"
    assert lines[1].startswith(f"  {path}:2: ")
    assert lines[2].startswith(f"  {path}:3: ")


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "mood_train.jsonl").unlink()

    with pytest.raises(RunFailure, match=r"mood_train\.jsonl"):
        load(folder, Split.TRAIN)


def test_a_pattern_that_matches_nothing_is_named(folder: Path) -> None:
    task = tiny_task(data={"train": ("none*.jsonl",)})

    with pytest.raises(RunFailure, match=r"No file matches 'none\*\.jsonl'"):
        load(folder, Split.TRAIN, tasks=(task,))


def test_an_unset_variable_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    task = tiny_task(data={"train": ("${NOWHERE}/a.jsonl",)})

    with pytest.raises(RunFailure, match="NOWHERE is not set") as failure:
        load(folder, Split.TRAIN, tasks=(task,))
    assert failure.value.help == "Set it: export NOWHERE=..."


def test_a_template_that_cannot_be_used_is_a_failure(folder: Path) -> None:
    task = tiny_task(prompt_template="<|VIRTUAL_PROMPT_0|>{text")

    with pytest.raises(RunFailure, match="template of task 'mood' cannot be used"):
        load(folder, Split.TRAIN, tasks=(task,))


def test_no_files_are_no_rows(folder: Path) -> None:
    assert len(load(folder, Split.VALIDATION, tasks=(tiny_task(data={"validation": ()}),))) == 0


def test_renamed_columns_are_read(folder: Path) -> None:
    write(folder, "train", {"body": "ab", "label": " x"})
    task = tiny_task(data={"fields": (("text", "body"),)})

    assert len(load(folder, Split.TRAIN, tasks=(task,))) == 1


def test_the_digest_knows_rows_order_and_tasks(folder: Path) -> None:
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "x"}]

    def digest(*rows: dict[str, str], **changes: Any) -> str:
        write(folder, "train", *rows)
        return load(folder, Split.TRAIN, **changes).digest

    digests = [
        digest(*rows),
        digest(*reversed(rows)),
        digest(*rows[:1]),
        digest(*rows, sections={"inference": {"add_bos": True}}),
        digest(*rows, tasks=(tiny_task(answer_only_loss=False),)),
    ]
    assert len(set(digests)) == 5
    assert digest(*rows) == digests[0]


def forbid_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on no row may be tokenized."""

    def encode_batch(*_: Any, **__: Any) -> None:
        raise AssertionError("a row was tokenized")

    monkeypatch.setattr(RowEncoder, "encode_batch", encode_batch)


def all_of(examples: Examples) -> list[Any]:
    """All that there is to see of them."""
    rows = range(len(examples))
    return [
        list(examples),
        [examples.origin(at) for at in rows],
        [examples.length(at) for at in rows],
        examples.num_skipped,
        examples.digest,
        [list(examples.of_tasks(tasks)) for tasks in (["mood"], ["other"], ["mood", "other"])],
    ]


@pytest.mark.parametrize("split", Split)
def test_rows_from_the_cache_are_those_that_were_made(
    folder: Path, split: Split, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"text": "ab", "label": " x"}
    too_long, cut = {"text": "a", "label": "x" * 200}, {"text": "a" * 200, "label": " y"}
    if split is Split.TEST:
        row["label"], too_long = [" x", "\u2028z"], {"text": "b" * 200}  # type: ignore[assignment]
    write(folder, split, row, too_long, cut)
    write(folder, split, too_long, row, row, task="other")
    skip = {"too_long": TooLongPolicy.SKIP}
    tasks = (tiny_task(data=skip), replace(tiny_task("other", data=skip), truncate_fields=()))

    made = all_of(load(folder, split, tasks=tasks))
    forbid_encoding(monkeypatch)
    taken = all_of(load(folder, split, tasks=tasks))

    assert taken == made
    assert len(list((cache / "rows").iterdir())) == 2
    assert any(isinstance(item, Unfit) for item in made[0]) == (split is Split.TEST)
    assert any(item.cut for item in made[0] if isinstance(item, Example))


def test_rows_without_a_cache_are_the_same(folder: Path, cache: Path) -> None:
    cached = all_of(load(folder, Split.TRAIN))
    for path in [*(cache / "rows").iterdir(), cache / "rows", cache]:
        path.rmdir() if path.is_dir() else path.unlink()
    cache.write_text("not a folder")

    assert all_of(load(folder, Split.TRAIN)) == cached


def test_a_tokenizer_that_does_not_say_what_it_is_fills_no_cache(folder: Path, cache: Path) -> None:
    run = open_run(tiny_plan(), spec_folder=folder)
    known = load_tokenizer(run)
    spec = json.loads((folder / "model" / "tokenizer.json").read_text())
    unknown = fast_tokenizer({**spec, "added_tokens": []}, known.bos_id, known.eos_id)

    examples = load_examples(run, unknown, Split.TRAIN)

    assert list(examples) == list(load_examples(run, known, Split.TRAIN))
    assert len(list((cache / "rows").iterdir())) == 1


def test_changed_rows_are_read_anew_and_moved_ones_found_where_they_are(folder: Path) -> None:
    write(folder, "train", {"text": "a", "label": "x"})
    load(folder, Split.TRAIN)
    write(folder, "train", {"text": "b", "label": "x"})
    (changed,) = load(folder, Split.TRAIN)
    moved = (folder / "mood_train.jsonl").rename(folder / "moved.jsonl")

    examples = load(folder, Split.TRAIN, tasks=(tiny_task(data={"train": ("moved.jsonl",)}),))

    assert isinstance(changed, Example)
    assert changed.input_ids[4:] == (*ids_of(folder, "b mood:x"), 2)
    assert list(examples) == [changed]
    assert examples.origin(0).file == moved


def test_a_file_named_twice_is_read_twice(folder: Path) -> None:
    path = write(folder, "train", {"text": "a", "label": "x"})
    task = tiny_task(data={"train": (path.name, path.name)})

    examples = load(folder, Split.TRAIN, tasks=(task,))

    assert [examples.origin(at).id for at in range(len(examples))] == ["mood:0", "mood:1"]
    assert {examples.origin(at).file for at in range(2)} == {path}


@pytest.mark.parametrize("rows", [[{"text": 3, "label": "x"}], [{"text": "b" * 99, "label": "x"}]])
def test_rows_that_fail_a_run_fail_it_each_time_and_leave_no_cache(
    folder: Path, cache: Path, rows: list[Any]
) -> None:
    write(folder, "train", {"text": "a", "label": "x"}, *rows)
    task = replace(tiny_task(), truncate_fields=())

    for _ in range(2):
        with pytest.raises(RunFailure, match=r"mood_train\.jsonl:2"):
            load(folder, Split.TRAIN, tasks=(task,))
    assert list((cache / "rows").iterdir()) == []


def test_items_count_from_the_end_too_and_end(folder: Path) -> None:
    examples = load(folder, Split.TRAIN)

    assert examples[-1] == examples[len(examples) - 1]
    assert examples[-2:] == list(examples)[-2:]
    with pytest.raises(IndexError):
        examples[len(examples)]
    with pytest.raises(IndexError):
        examples.origin(len(examples))
