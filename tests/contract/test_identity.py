"""Compiler and runtime agree on what a checkpoint and a soft prompt are tied to."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from softprompt_compiler.diff.changes import difference
from softprompt_compiler.diff.consequences import Answer, prompt_fits, resumable
from softprompt_compiler.diff.side import Side
from softprompt_plan.identity import FIELDS_OF_A_TRAINED_TASK, identity_values, plan_values
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.vocabulary import PromptStyle, Whitespace
from softprompt_runtime import run_identity
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.soft_prompt import (
    SoftPrompt,
    SoftPromptMeta,
    SoftPromptTask,
    require_task,
)
from tests.runtime.plans import tiny_plan, tiny_task

CHANGES = [
    tiny_plan(max_steps=7),
    tiny_plan(seed=5),
    tiny_plan(micro_batch_size=1),
    tiny_plan(tasks=(tiny_task(weight=2.0),)),
    tiny_plan(tasks=(tiny_task(truncate_fields=()),)),
    tiny_plan(tasks=(tiny_task(), tiny_task("a.data"))),
    tiny_plan(sections={"inference": {"add_bos": True}}),
    tiny_plan(sections={"inference": {"temperature": 0.5}}),
    tiny_plan(sections={"model": {"max_seq_length": 9}}),
]


@pytest.mark.parametrize("plan", CHANGES)
def test_diff_says_no_exactly_where_the_runtime_refuses_the_checkpoint(plan: Plan) -> None:
    contents = {"base_model": "b", "train_rows": "t", "validation_rows": "v"}
    refused = run_identity.differences(
        run_identity.identity_of(tiny_plan(), **contents),
        run_identity.identity_of(plan, **contents),
    )
    answer = resumable(difference(_side(tiny_plan()), _side(plan))).answer

    assert (answer is Answer.NO) is bool(refused)


OTHER_TASKS = {
    "prompt_template": tiny_task(prompt_template="<|VIRTUAL_PROMPT_0|>{text}:{label}"),
    "whitespace": tiny_task(whitespace=Whitespace.NEMO_2023),
    "virtual_token_splits": tiny_task(virtual_token_splits=(5,)),
    "truncate_fields": tiny_task(truncate_fields=()),
    "weight": tiny_task(weight=2.0),
    "metrics": tiny_task(metrics=()),
    "answer_only_loss": tiny_task(answer_only_loss=False),
}


@pytest.mark.parametrize("field", OTHER_TASKS)
def test_diff_says_no_exactly_where_the_runtime_refuses_the_soft_prompt(field: str) -> None:
    task = OTHER_TASKS[field]
    assert getattr(task, field) != getattr(tiny_task(), field)
    answer = prompt_fits(difference(_side(tiny_plan()), _side(tiny_plan(tasks=(task,))))).answer
    try:
        require_task(_trained(tiny_task()), task, Path("runs"))
    except RunFailure:
        assert field in FIELDS_OF_A_TRAINED_TASK
        assert answer is Answer.NO
    else:
        assert field not in FIELDS_OF_A_TRAINED_TASK
        assert answer is Answer.YES


def test_a_soft_prompt_keeps_the_fields_that_it_is_tied_to() -> None:
    kept = {field.name for field in fields(SoftPromptTask)}

    assert kept == {"name", *FIELDS_OF_A_TRAINED_TASK}
    assert set(FIELDS_OF_A_TRAINED_TASK) <= {field.name for field in fields(TaskPlan)}


def test_names_with_dots_are_no_fields() -> None:
    """A task called `x.metrics` or `x.data` once hid what decides its result."""
    plan = tiny_plan(tasks=(tiny_task("x.data.metrics"),))
    longer = replace(plan, tasks=(tiny_task("x.data.metrics", virtual_token_splits=(5,)),))

    assert identity_values(plan) != identity_values(longer)
    assert ("tasks", "x.data.metrics", "virtual_token_splits") in plan_values(plan)


def _side(plan: Plan) -> Side:
    return Side(name="side", plan=plan)


def _trained(task: TaskPlan) -> SoftPrompt:
    meta = SoftPromptMeta(
        virtual_prompt_style=PromptStyle.P_TUNING,
        base_model="m",
        base_model_fingerprint="f",
        width=8,
        plan_digest="d",
        tasks=(
            SoftPromptTask(
                name=task.name,
                prompt_template=task.prompt_template,
                whitespace=task.whitespace,
                virtual_token_splits=task.virtual_token_splits,
            ),
        ),
    )
    return SoftPrompt(tables={}, meta=meta)
