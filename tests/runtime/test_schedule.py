"""The learning rate against NeMo's recorded schedules, and the number of steps."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.plan import OptimPlan, SchedulePlan
from softprompt_plan.run_length import steps_of_run
from softprompt_plan.vocabulary import OptimizerName, ScheduleName
from softprompt_runtime.schedule import learning_rate, validation_steps
from tests.runtime.plans import tiny_plan

GOLDEN = Path(__file__).parents[1] / "golden" / "nemo" / "lr_schedule_cases.json"
DATA: dict[str, Any] = json.loads(GOLDEN.read_text(encoding="utf-8"))


def optim(lr: float, warmup: int, constant: int, min_lr: float) -> OptimPlan:
    sched = SchedulePlan(
        name=ScheduleName.COSINE_ANNEALING,
        warmup_steps=warmup,
        constant_steps=constant,
        min_lr=min_lr,
    )
    name = OptimizerName.ADAMW
    return OptimPlan(name=name, lr=lr, weight_decay=0.0, betas=(0.9, 0.98), sched=sched)


@pytest.mark.parametrize("case", DATA["cases"], ids=range(len(DATA["cases"])))
def test_the_rate_of_every_step_is_nemos(case: dict[str, Any]) -> None:
    plan = optim(case["lr"], case["warmup_steps"], case["constant_steps"], case["min_lr"])
    total = case["max_steps"]

    rates = [learning_rate(plan, step, total) for step in range(len(case["lr_at_step"]))]

    assert rates == pytest.approx(case["lr_at_step"], rel=1e-12, abs=1e-18)


def test_a_constant_schedule_warms_up_and_stays() -> None:
    plan = optim(0.4, 3, 0, 0.0)
    plan = replace(plan, sched=replace(plan.sched, name=ScheduleName.CONSTANT))

    rates = [learning_rate(plan, step, 6) for step in range(6)]

    assert rates == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.4, 0.4])


@pytest.mark.parametrize("warmup", [0, 5, 10, 20])
@pytest.mark.parametrize("constant", [0, 5, 10])
@pytest.mark.parametrize("total", [1, 5, 10])
def test_no_mixture_of_phases_divides_by_zero(warmup: int, constant: int, total: int) -> None:
    plan = optim(1.0, warmup, constant, 0.1)

    assert all(0.0 <= learning_rate(plan, step, total) <= 1.0 for step in range(total + 2))


def test_an_epoch_keeps_its_last_smaller_batch() -> None:
    training = replace(tiny_plan().training, max_epochs=2, max_steps=None, global_batch_size=32)

    assert steps_of_run(training, 1000) == 64  # NeMo, without drop_last, agrees
    assert steps_of_run(training, 7) == 2  # NeMo would train no step at all
    assert steps_of_run(training, 0) == 0


def test_nemos_step_counts_hold_where_nemo_drops_nothing() -> None:
    cases = [case for case in DATA["compute_max_steps"] if not case["drop_last"]]
    assert cases

    for case in cases:
        batch = case["per_dp_batch_size"] * case["data_parallel_size"]
        training = replace(
            tiny_plan().training,
            max_epochs=case["max_epochs"],
            max_steps=None,
            global_batch_size=batch * case["accumulate_grad_batches"],
        )
        assert steps_of_run(training, case["num_samples"]) == case["max_steps"]


def test_max_steps_is_the_number_of_steps() -> None:
    training = replace(tiny_plan().training, max_epochs=None, max_steps=17)

    assert steps_of_run(training, 3) == 17


@pytest.mark.parametrize(
    ("interval", "steps"), [(1.0, 4), (0.5, 2), (0.01, 1), (2.0, 8), (3, 3), (1, 1)]
)
def test_validation_comes_after_steps_or_a_share_of_an_epoch(
    interval: int | float, steps: int
) -> None:
    training = replace(tiny_plan().training, val_check_interval=interval, global_batch_size=8)

    assert validation_steps(training, 30) == steps
