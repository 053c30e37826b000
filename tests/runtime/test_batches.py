from pathlib import Path
from typing import Any

import pytest

from softprompt_runtime.batches import Steps, TrainingBatches, ValidationBatches
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import make_ready, write_rows


def batches_of(folder: Path, **training: Any) -> TrainingBatches:
    plan = tiny_plan(**training)
    return TrainingBatches(make_ready(plan, folder).train, plan.tasks, plan.training)


def test_a_global_batch_is_cut_into_micro_batches(folder: Path) -> None:
    batch = batches_of(folder).batch(0)

    assert [packed.num_rows for packed in batch.micro_batches] == [2, 2]
    assert batch.num_rows == 4


def test_the_last_batch_of_an_epoch_is_smaller(folder: Path) -> None:
    batches = batches_of(folder)  # 10 rows by 4

    assert [batches.batch(step).num_rows for step in range(6)] == [4, 4, 2, 4, 4, 2]
    assert [batches.epoch(step) for step in range(6)] == [0, 0, 0, 1, 1, 1]


def test_an_epoch_holds_every_loss_token_once(folder: Path) -> None:
    batches = batches_of(folder)
    whole = batches_of(folder, global_batch_size=10)

    first = sum(batches.batch(step).num_targets for step in range(3))

    assert first == whole.batch(0).num_targets


def test_periods_end_at_multiples_of_the_interval_and_at_the_end(folder: Path) -> None:
    batches = batches_of(folder, max_steps=10, val_check_interval=4)

    assert [batches.period_end(step) for step in range(10)] == [4, 4, 4, 4, 8, 8, 8, 8, 10, 10]
    assert [step for step in range(11) if batches.ends_period(step)] == [4, 8, 10]
    assert [batches.num_periods(step) for step in (0, 1, 4, 7, 8, 9)] == [3, 3, 2, 2, 1, 1]


@pytest.mark.parametrize(("start", "total"), [(0, 10), (3, 10), (4, 10), (8, 10), (0, 8), (7, 8)])
def test_the_periods_from_any_step_lead_to_the_end(folder: Path, start: int, total: int) -> None:
    batches = batches_of(folder, max_steps=total, val_check_interval=4)

    step, count = start, 0
    while step < total:
        step, count = batches.period_end(step), count + 1

    assert count == batches.num_periods(start)


def test_steps_are_a_pass_over_their_batches(folder: Path) -> None:
    batches = batches_of(folder)
    steps = Steps(batches, 1, 3)

    assert len(steps) == 2
    assert [batch.num_rows for batch in steps] == [4, 2]


def test_validation_batches_hold_the_rows_of_their_tasks_once(folder: Path) -> None:
    write_rows(folder, "other", validation=3)
    plan = tiny_plan(tasks=(tiny_task(), tiny_task("other")))
    examples = make_ready(plan, folder).validation

    both = ValidationBatches(examples, ["mood", "other"], 1)
    one = ValidationBatches(examples, ["other"], 1)

    assert [packed.num_rows for packed in both] == [4, 4]
    assert len(both) == 2
    assert [packed.tasks for packed in one] == [("other",)]
    assert one.num_rows == 3
