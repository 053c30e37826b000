"""SP0290, SP0291, SP0340 to SP0360: mistakes in generated rows, and of the spec beside its rows."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.seeded.draft import TEMPLATE, Draft, seeded

Row = dict[str, Any]
_TRAIN, _TEST = "data/rows.jsonl", "data/asked.jsonl"


def _rows(draft: Draft, *, least: int = 3) -> list[Row]:
    """Rows of different short texts, each with one of two moods, both of which occur."""
    texts = draft.draw(
        st.lists(st.text("abc é", min_size=1, max_size=9), min_size=least, max_size=6, unique=True)
    )
    return [{"text": text, "mood": ("glad", "sad")[at % 2]} for at, text in enumerate(texts)]


def _lines(rows: list[Row]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def _task(draft: Draft, rows: list[Row], **keys: Any) -> tuple[str, str]:
    """One task that trains on `rows`; its virtual tokens start from the vocabulary."""
    draft.only_task(TEMPLATE, answer_field="mood", total_virtual_tokens=5, **keys)
    draft.drop("prompt_learning")
    draft.drop("training")
    draft.one_device()
    draft.give({"warmup_steps": 0}, "training", "optim", "sched")
    draft.give(128, "model", "max_seq_length")
    draft.give({"tokens_to_generate": 8}, "inference")
    draft.files[_TRAIN] = _lines(rows)
    draft.give({"train": _TRAIN}, "tasks", draft.task, "data")
    draft.reads_data = True
    return "tasks", draft.task


def _ask(draft: Draft, rows: list[Row]) -> None:
    draft.files[_TEST] = _lines(rows)
    draft.give(_TEST, "tasks", draft.task, "data", "test")


def _damaged_row(draft: Draft, **changed: Any) -> list[Row]:
    """Rows of which one, drawn, is changed (dropped for a key of None) and marked."""
    rows = _rows(draft)
    at = draft.draw(st.integers(0, len(rows) - 1))
    for key, value in changed.items():
        rows[at][key] = value
        if value is None:
            del rows[at][key]
    draft.row = (_TRAIN, at + 1)
    return rows


@seeded("SP0340")
def unreadable(draft: Draft) -> None:
    path = _task(draft, _rows(draft))
    text = draft.draw(st.sampled_from(['{"text": "a", "mood": "sad"}', "[", "7", '"text"']))
    draft.files["data/rows.json"] = text
    draft.give("data/rows.json", *path, "data", "train")
    draft.row = ("data/rows.json", 1)


@seeded("SP0341")
def broken_row(draft: Draft) -> None:
    lines = _lines(_rows(draft)).splitlines()
    at = draft.draw(st.integers(0, len(lines) - 1))
    lines[at] = draft.draw(st.sampled_from(["{", '{"text": "a", "mood": "sad",}', "[1]", "text"]))
    _task(draft, [])
    draft.files[_TRAIN] = "\n".join(lines)
    draft.row = (_TRAIN, at + 1)


@seeded("SP0342")
def row_lacks_field(draft: Draft) -> None:
    _task(draft, _damaged_row(draft, **{draft.draw(st.sampled_from(["text", "mood"])): None}))


@seeded("SP0343")
def field_not_text(draft: Draft) -> None:
    value = draft.draw(st.sampled_from([1, 2.5, True, {"a": 1}]))
    _task(draft, _damaged_row(draft, **{draft.draw(st.sampled_from(["text", "mood"])): value}))


@seeded("SP0344")
def row_of_other_task(draft: Draft) -> None:
    _task(draft, _damaged_row(draft, taskname=draft.task + "2"))


@seeded("SP0345")
def no_rows(draft: Draft) -> None:
    path = _task(draft, [])
    draft.files[_TRAIN] = draft.draw(st.sampled_from(["", "\n", "\n\n"]))
    draft.mark(*path, "data", "train")


@seeded("SP0350")
def row_too_long(draft: Draft) -> None:
    _task(draft, _damaged_row(draft, text="x" * draft.draw(st.integers(150, 300))))


@seeded("SP0351")
def prompt_too_long(draft: Draft) -> None:
    _task(draft, _rows(draft))
    _ask(draft, [row | {"text": "q" + row["text"]} for row in _damaged_row(draft, text="y" * 150)])
    assert draft.row is not None
    draft.row = (_TEST, draft.row[1])


@seeded("SP0352")
def empty_answers(draft: Draft) -> None:
    path = _task(draft, _damaged_row(draft, mood=""))
    draft.row = None
    draft.mark(*path, "data", "train")


@seeded("SP0353")
def rows_in_two_splits(draft: Draft) -> None:
    rows = _rows(draft)
    path = _task(draft, rows)
    _ask(draft, [draft.draw(st.sampled_from(rows)), {"text": "zzz", "mood": "sad"}])
    draft.mark(*path, "data", "test")


@seeded("SP0354")
def warmup_exceeds_run(draft: Draft) -> None:
    _task(draft, _rows(draft))
    draft.give(2, "training", "max_epochs")
    steps = draft.draw(st.integers(2, 90))
    draft.wrong(steps, "training", "optim", "sched", "warmup_steps")


@seeded("SP0355")
def init_cut(draft: Draft) -> None:
    _task(draft, _rows(draft))
    draft.give({"method": "text"}, "prompt_learning", "init")
    text = "b" * draft.draw(st.integers(6, 20))  # a token a byte, and 5 virtual tokens
    draft.wrong(text, "prompt_learning", "init", "text")


@seeded("SP0356")
def test_without_answers(draft: Draft) -> None:
    path = _task(draft, _rows(draft), metrics=["f1"])
    _ask(draft, [{"text": "zzz", "mood": "sad"}, {"text": "zz"}])
    draft.mark(*path, "data", "test")


@seeded("SP0357")
def contrary_rows(draft: Draft) -> None:
    rows = _rows(draft)
    other = draft.draw(st.sampled_from(rows))
    contrary = other | {"mood": {"glad": "sad", "sad": "glad"}[other["mood"]]}
    path = _task(draft, [*rows, contrary], metrics=["accuracy"])
    _ask(draft, [{"text": "zzz", "mood": "sad"}])
    draft.mark(*path, "data", "train")


@seeded("SP0358")
def untrained_labels(draft: Draft) -> None:
    path = _task(draft, _rows(draft), metrics=["accuracy"])
    _ask(draft, [{"text": "zzz", "mood": "sad"}, {"text": "zz", "mood": "bored"}])
    draft.mark(*path, "data", "test")


@seeded("SP0360")
def does_not_fit(draft: Draft) -> None:
    _task(draft, _rows(draft))
    rows = draft.draw(st.integers(1, 4)) * 1_000_000
    batch = {"max_steps": 10, "micro_batch_size": rows, "global_batch_size": rows}
    draft.give(batch | {"optim": {"sched": {"warmup_steps": 0}}}, "training")
    draft.wrong("L4-24GB", "parallelism", "gpu")  # has bfloat16: no other rule speaks


@seeded("SP0290")
def init_label_unseen(draft: Draft) -> None:
    _task(draft, _rows(draft))
    draft.give({"method": "class_labels"}, "prompt_learning", "init")
    draft.give(["glad", "bored"], "prompt_learning", "init", "labels")
    draft.mark("prompt_learning", "init", "labels", 1)


@seeded("SP0293")
def metric_without_slots(draft: Draft) -> None:
    path = _task(draft, _rows(draft))
    _ask(draft, [{"text": "zzz", "mood": "Slots: day(today)"}])
    draft.give(["f1", "slot_f1"], *path, "metrics")
    draft.mark(*path, "metrics", 1)


@seeded("SP0291")
def metric_without_classes(draft: Draft) -> None:
    count = draft.draw(st.integers(20, 40))
    rows = [{"text": f"a {at}", "mood": f"b {at}"} for at in range(count)]
    path = _task(draft, rows)
    _ask(draft, [{"text": "zzz", "mood": "b 1"}])
    draft.give(["f1", draft.draw(st.sampled_from(["accuracy", "macro_f1"]))], *path, "metrics")
    draft.mark(*path, "metrics", 1)
