import dataclasses
import json

import pytest

from softprompt_plan.plan import PLAN_FORMAT, Plan
from softprompt_plan.serialize import PlanFormatError, digest, from_json, to_json
from tests.runtime.plans import tiny_plan


@pytest.fixture
def plan() -> Plan:
    return tiny_plan()


def test_a_plan_comes_back_equal_from_its_json(plan: Plan) -> None:
    assert from_json(to_json(plan)) == plan


def test_no_field_of_a_plan_has_a_default(plan: Plan) -> None:
    pending = [plan]
    while pending:
        part = pending.pop()
        for field in dataclasses.fields(part):
            assert field.default is dataclasses.MISSING, field.name
            value = getattr(part, field.name)
            values = value if isinstance(value, tuple) else (value,)
            pending += [item for item in values if dataclasses.is_dataclass(item)]


def test_the_digest_changes_with_any_value(plan: Plan) -> None:
    other = dataclasses.replace(plan, name=plan.name + "x")

    assert digest(other) != digest(plan)


def test_an_integer_learning_rate_is_a_float(plan: Plan) -> None:
    value = json.loads(to_json(plan))
    value["training"]["optim"]["lr"] = 1

    lr = from_json(json.dumps(value)).training.optim.lr

    assert (type(lr), lr) == (float, 1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": PLAN_FORMAT + 1}, f"plan format {PLAN_FORMAT + 1}"),
        ({"surprise": 1}, "surprise"),
        ({"name": 7}, "plan.name: expected str, found 7"),
        ({"tasks": "squad"}, "plan.tasks: expected a list"),
        ({"tasks": [7]}, "plan.tasks[0]"),
        ({"model": None}, "plan.model"),
    ],
)
def test_a_foreign_or_edited_plan_is_refused_with_the_field_named(
    plan: Plan, change: dict[str, object], message: str
) -> None:
    value = {**json.loads(to_json(plan)), **change}

    with pytest.raises(PlanFormatError) as caught:
        from_json(json.dumps(value))

    assert message in str(caught.value)


def test_an_unknown_word_is_refused(plan: Plan) -> None:
    value = json.loads(to_json(plan))
    value["prompt_learning"]["virtual_prompt_style"] = "magic"

    with pytest.raises(PlanFormatError, match="'magic' is no PromptStyle"):
        from_json(json.dumps(value))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"text"'])
def test_text_that_is_no_plan_is_refused(text: str) -> None:
    with pytest.raises(PlanFormatError):
        from_json(text)
