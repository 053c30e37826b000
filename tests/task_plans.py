"""Task plans for tests of templates and rows."""

from typing import Any

from softprompt_plan.plan import DataPlan, MaxRowsPlan, TaskPlan
from softprompt_plan.vocabulary import TooLongPolicy, TruncateSide, Whitespace

SQUAD = "<|VIRTUAL_PROMPT_0|> Context: {context}\n\nQuestion: {question}\n\nAnswer:{answer}"


def task_plan(prompt_template: str = SQUAD, **changes: Any) -> TaskPlan:
    """A task of one split of 3 virtual tokens that loses context; keyword arguments replace."""
    values: dict[str, Any] = {
        "name": "squad",
        "prompt_template": prompt_template,
        "whitespace": Whitespace.KEPT,
        "virtual_token_splits": (3,),
        "truncate_fields": ("context",) if "{context}" in prompt_template else (),
        "truncate_side": TruncateSide.RIGHT,
        "answer_field": "answer" if "{answer}" in prompt_template else None,
        "answer_only_loss": "{answer}" in prompt_template,
        "data": DataPlan(
            train=("train.jsonl",),
            validation=(),
            test=(),
            fields=(),
            max_rows=MaxRowsPlan(train=None, validation=None, test=None),
            shuffle_seed=None,
            too_long=TooLongPolicy.ERROR,
        ),
        "weight": 1.0,
        "metrics": (),
    }
    return TaskPlan(**(values | changes))
