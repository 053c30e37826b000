"""SP0201 to SP0223, SP0292: fields of a task that disagree."""

from typing import Any

from hypothesis import strategies as st

from tests.seeded.draft import TEMPLATE, Draft, seeded

_TWO = "<|VIRTUAL_PROMPT_0|>{text}<|VIRTUAL_PROMPT_1|> mood:{mood}"
_TEST: dict[str, Any] = {"train": "data/train.jsonl", "test": "data/test.jsonl"}


@seeded("SP0201")
def token_sum(draft: Draft) -> None:
    split = draft.draw(st.integers(2, 9))
    path = draft.plain_task(total_virtual_tokens=split + draft.draw(st.sampled_from([-1, 1, 5])))
    draft.wrong([split], *path, "virtual_token_splits")


@seeded("SP0202")
def marker_count(draft: Draft) -> None:
    path = draft.plain_task(_TWO)
    draft.wrong(draft.draw(st.sampled_from([[3], [1, 2, 3]])), *path, "virtual_token_splits")


@seeded("SP0203")
def spread(draft: Draft) -> None:
    path = draft.plain_task(_TWO)
    draft.wrong(1, *path, "total_virtual_tokens")


@seeded("SP0204")
def no_room(draft: Draft) -> None:
    path = draft.only_task()
    draft.give(draft.draw(st.integers(20, 30)), "model", "max_seq_length")
    draft.give(30, *path, "total_virtual_tokens")
    draft.mark(*path, "total_virtual_tokens")


@seeded("SP0205")
def no_room_for_completions(draft: Draft) -> None:
    draft.only_task(answer_field="mood", total_virtual_tokens=10)
    draft.give(dict(_TEST), "tasks", draft.task, "data")
    draft.give(30, "model", "max_seq_length")
    draft.wrong(draft.draw(st.integers(20, 40)), "inference", "tokens_to_generate")


@seeded("SP0210")
def answer_unset(draft: Draft) -> None:
    draft.wrong(True, *draft.plain_task(), "answer_only_loss")


@seeded("SP0211")
def answer_unknown(draft: Draft) -> None:
    draft.wrong(draft.draw(st.sampled_from(["moo", "answer"])), *draft.plain_task(), "answer_field")


@seeded("SP0212")
def answer_twice(draft: Draft) -> None:
    template = "<|VIRTUAL_PROMPT_0|>{mood}{text} mood:{mood}"
    path = draft.plain_task(template, answer_field="mood")
    draft.mark(*path, "prompt_template", part="{mood}", last=True)


@seeded("SP0213")
def answer_not_last(draft: Draft) -> None:
    path = draft.plain_task(TEMPLATE + " and out", answer_field="mood")
    draft.mark(*path, "prompt_template", part=" and out")


@seeded("SP0214")
def marker_after_answer(draft: Draft) -> None:
    template = f"{TEMPLATE}<|VIRTUAL_PROMPT_1|>"
    path = draft.plain_task(template, answer_field="mood", answer_only_loss=False)
    draft.mark(*path, "prompt_template", part="<|VIRTUAL_PROMPT_1|>")


@seeded("SP0215")
def space_before_answer(draft: Draft) -> None:
    path = draft.plain_task("<|VIRTUAL_PROMPT_0|>{text} mood:  {mood}", answer_field="mood")
    draft.mark(*path, "prompt_template", part="  ")


@seeded("SP0216")
def metric_without_answer(draft: Draft) -> None:
    path = draft.plain_task()
    draft.give(dict(_TEST), *path, "data")
    _without_validation(draft)
    draft.wrong(["f1"], *path, "metrics")


@seeded("SP0217")
def metric_without_test(draft: Draft) -> None:
    draft.wrong(["f1"], *draft.plain_task(answer_field="mood"), "metrics")


@seeded("SP0220")
def truncate_unknown(draft: Draft) -> None:
    path = (*draft.plain_task(), "truncate_field")
    if draft.draw(st.booleans()):
        draft.wrong("txet", *path)
    else:
        draft.give(["text", "txet"], *path)
        draft.mark(*path, 1)


@seeded("SP0221")
def truncate_answer(draft: Draft) -> None:
    draft.wrong("mood", *draft.plain_task(answer_field="mood"), "truncate_field")


@seeded("SP0222")
def renamed_unknown(draft: Draft) -> None:
    draft.wrong({"txet": "text"}, *draft.plain_task(), "data", "fields")
    draft.mark(*draft.path, "txet", key=True)


@seeded("SP0223")
def same_file(draft: Draft) -> None:
    draft.give("data/train.jsonl", *draft.plain_task(), "data", "train")
    draft.wrong("data/train.jsonl", "tasks", draft.task, "data", "validation")


@seeded("SP0292")
def test_without_answer(draft: Draft) -> None:
    draft.wrong("data/test.jsonl", *draft.plain_task(), "data", "test", key=True)


def _without_validation(draft: Draft) -> None:
    draft.drop("training", "early_stopping")
    draft.drop("training", "val_check_interval")
