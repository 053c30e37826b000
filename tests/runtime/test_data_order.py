from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from softprompt_plan.run_length import steps_per_epoch
from softprompt_runtime.data_order import (
    TaskRows,
    epoch_order,
    micro_batches,
    num_visits,
    rows_of_step,
)

SIZES = st.integers(1, 60)
WEIGHTS = st.sampled_from([0.01, 0.3, 0.5, 1.0, 1.5, 2.0, 7.25])
TASKS = st.lists(st.builds(TaskRows, num_rows=SIZES, weight=WEIGHTS), min_size=1, max_size=3)


def plain(num_rows: int) -> tuple[TaskRows, ...]:
    """One task whose rows are all visited once."""
    return (TaskRows(num_rows=num_rows, weight=1.0),)


def order(seed: int, epoch: int, tasks: tuple[TaskRows, ...]) -> tuple[int, ...]:
    return tuple(epoch_order(seed, epoch, tasks).tolist())


@given(num_rows=SIZES, batch=SIZES, epoch=st.integers(0, 3), seed=st.integers(0, 2**32))
def test_every_epoch_sees_every_row_once(num_rows: int, batch: int, epoch: int, seed: int) -> None:
    steps, tasks = steps_per_epoch(num_rows, batch), plain(num_rows)

    seen = [
        row
        for step in range(epoch * steps, (epoch + 1) * steps)
        for row in rows_of_step(seed=seed, step=step, tasks=tasks, global_batch_size=batch)
    ]

    assert sorted(seen) == list(range(num_rows))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [order(seed, epoch, plain(50)) for seed in (1, 2) for epoch in (0, 1)]

    assert len(set(orders)) == 4


def test_the_order_is_the_same_on_every_machine() -> None:
    halves = (TaskRows(num_rows=4, weight=1.0), TaskRows(num_rows=6, weight=0.5))

    assert order(1234, 0, plain(10)) == (5, 6, 3, 9, 7, 4, 1, 2, 8, 0)
    assert order(1234, 1, plain(10)) == (9, 2, 0, 7, 6, 1, 8, 4, 5, 3)
    assert order(1234, 0, halves) == (5, 8, 3, 9, 1, 2, 0)
    assert order(1234, 1, halves) == (2, 0, 4, 1, 7, 6, 3)  # the other rows of the second task


@given(tasks=TASKS.map(tuple), epoch=st.integers(0, 5), seed=st.integers(0, 2**32))
def test_rows_of_a_task_are_visited_as_often_as_its_weight_says(
    tasks: tuple[TaskRows, ...], epoch: int, seed: int
) -> None:
    seen = Counter(order(seed, epoch, tasks))

    first = 0
    for task in tasks:
        counts = [seen.pop(row, 0) for row in range(first, first + task.num_rows)]
        assert sum(counts) == task.num_visits
        assert max(counts) - min(counts) <= 1
        first += task.num_rows
    assert not seen


@given(num_rows=SIZES, seed=st.integers(0, 2**32))
def test_what_one_epoch_leaves_out_the_next_ones_visit(num_rows: int, seed: int) -> None:
    task = TaskRows(num_rows=num_rows, weight=0.25)

    seen = [row for epoch in range(4) for row in order(seed, epoch, (task,))]

    repeated = len(seen) - len(set(seen))
    assert repeated == max(0, 4 * num_visits((task,)) - num_rows)


def test_no_rows_cannot_be_ordered() -> None:
    with pytest.raises(ValueError, match="no rows"):
        rows_of_step(seed=1, step=0, tasks=plain(0), global_batch_size=4)


@pytest.mark.parametrize("weight", [0.0, -1.0, float("nan")])
def test_a_task_without_weight_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="not above 0"):
        num_visits((TaskRows(num_rows=3, weight=weight),))


@given(rows=st.lists(st.integers(), min_size=1, max_size=40), size=SIZES)
def test_micro_batches_hold_the_global_batch_in_order(rows: list[int], size: int) -> None:
    parts = micro_batches(rows, size)

    assert [row for part in parts for row in part] == rows
    assert all(1 <= len(part) <= size for part in parts)
