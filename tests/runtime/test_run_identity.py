from dataclasses import replace
from typing import Any

import pytest

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import LoggerName, Metric, ResumePolicy
from softprompt_runtime.run_identity import differences, identity_of
from tests.runtime.plans import tiny_plan, tiny_task


def identity(plan: Plan, **contents: str) -> dict[str, str]:
    digests = {"base_model": "b", "train_rows": "t", "validation_rows": "v", **contents}
    return identity_of(plan, **digests)


BASE = identity(tiny_plan())


@pytest.mark.parametrize(
    "changes",
    [
        {"micro_batch_size": 1},
        {"resume": ResumePolicy.NEVER},
        {"loggers": (LoggerName.CSV,)},
        {"checkpoint_every_n_steps": 99},
        {"name": "renamed"},
        {"model": "elsewhere"},
        {"sections": {"parallelism": {"devices": 2}}},
        {"sections": {"inference": {"temperature": 0.5}}},
        {"tasks": (tiny_task(metrics=(Metric.F1,)),)},
        {"tasks": (tiny_task(data={"train": ("moved.jsonl",)}),)},
    ],
    ids=str,
)
def test_what_does_not_decide_the_result_may_change(changes: dict[str, Any]) -> None:
    assert differences(BASE, identity(tiny_plan(**changes))) == []


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"max_steps": 7}, "training.max_steps was 6 and is 7"),
        ({"seed": 5}, "training.seed was 1234 and is 5"),
        ({"global_batch_size": 8}, "training.global_batch_size was 4 and is 8"),
        ({"gradient_clip_val": None}, "training.gradient_clip_val was 1.0 and is null"),
        ({"val_check_interval": 3}, "training.val_check_interval was 2 and is 3"),
        ({"early_stopping": None}, "training.early_stopping was not there and is null"),
        (
            {"sections": {"encoder": {"hidden_size": 8}}},
            "prompt_learning.encoder.hidden_size was 16 and is 8",
        ),
        (
            {"sections": {"inference": {"add_bos": True}}},
            "inference.add_bos was false and is true",
        ),
        (
            {"tasks": (tiny_task(virtual_token_splits=(5,)),)},
            "tasks.mood.virtual_token_splits was [4] and is [5]",
        ),
        ({"sections": {"model": {"max_seq_length": 9}}}, "model.max_seq_length was 64 and is 9"),
    ],
    ids=str,
)
def test_what_decides_the_result_is_named_with_both_values(
    changes: dict[str, Any], named: str
) -> None:
    assert named in differences(BASE, identity(tiny_plan(**changes)))


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("base_model", "the base model's weights have changed"),
        ("train_rows", "the training rows have changed"),
        ("validation_rows", "the validation rows have changed"),
    ],
)
def test_contents_count_whatever_their_paths(content: str, named: str) -> None:
    assert differences(BASE, identity(tiny_plan(), **{content: "x"})) == [named]


def test_tasks_go_by_their_names() -> None:
    two = tiny_plan(tasks=(tiny_task(), tiny_task("other")))

    found = differences(BASE, identity(two))
    assert found[0] == 'tasks was ["mood"] and is ["mood", "other"]'
    assert len(found) > 1
    assert all(line.startswith("tasks.other.") for line in found[1:])


def test_the_order_of_tasks_counts() -> None:
    plan = tiny_plan(tasks=(tiny_task(), tiny_task("other")))
    swapped = replace(plan, tasks=plan.tasks[::-1])

    assert differences(identity(plan), identity(swapped)) != []
