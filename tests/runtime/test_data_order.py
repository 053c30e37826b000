import hypothesis.strategies as st
import pytest
from hypothesis import given

from softprompt_runtime.data_order import epoch_order, micro_batches, rows_of_step
from softprompt_runtime.schedule import steps_per_epoch

SIZES = st.integers(1, 60)


@given(num_rows=SIZES, batch=SIZES, epoch=st.integers(0, 3), seed=st.integers(0, 2**32))
def test_every_epoch_sees_every_row_once(num_rows: int, batch: int, epoch: int, seed: int) -> None:
    steps = steps_per_epoch(num_rows, batch)

    seen = [
        row
        for step in range(epoch * steps, (epoch + 1) * steps)
        for row in rows_of_step(seed=seed, step=step, num_rows=num_rows, global_batch_size=batch)
    ]

    assert sorted(seen) == list(range(num_rows))


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    orders = [epoch_order(seed, epoch, 50) for seed in (1, 2) for epoch in (0, 1)]

    assert len(set(orders)) == 4


def test_the_order_is_the_same_on_every_machine() -> None:
    assert epoch_order(1234, 0, 10) == (5, 6, 3, 9, 7, 4, 1, 2, 8, 0)
    assert epoch_order(1234, 1, 10) == (9, 2, 0, 7, 6, 1, 8, 4, 5, 3)


def test_no_rows_cannot_be_ordered() -> None:
    with pytest.raises(ValueError, match="no rows"):
        rows_of_step(seed=1, step=0, num_rows=0, global_batch_size=4)


@given(rows=st.lists(st.integers(), min_size=1, max_size=40), size=SIZES)
def test_micro_batches_hold_the_global_batch_in_order(rows: list[int], size: int) -> None:
    parts = micro_batches(rows, size)

    assert [row for part in parts for row in part] == rows
    assert all(1 <= len(part) <= size for part in parts)
