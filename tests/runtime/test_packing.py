from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_runtime.packing import PackedBatch, pack


@dataclass(frozen=True, kw_only=True)
class Row:
    task: str
    input_ids: tuple[int, ...]
    loss_mask: tuple[bool, ...]


def row(ids: list[int], loss: list[int] | None = None, task: str = "a") -> Row:
    mask = [False] * len(ids) if loss is None else [bool(value) for value in loss]
    return Row(task=task, input_ids=tuple(ids), loss_mask=tuple(mask))


def rows_of(packed: PackedBatch) -> list[list[int]]:
    """The rows' ids again, virtual tokens as -1-k, read from the packed tensors alone."""
    ids = packed.input_ids_L.tolist()
    pairs = zip(packed.virtual_positions_K.tolist(), packed.virtual_indices_K.tolist(), strict=True)
    for position, index in pairs:
        ids[position] = -1 - index
    layout = packed.layout
    prefixes = set(layout.prefix_of)
    ends = [end for end in range(len(layout.prefix_of)) if end not in prefixes]
    return [[ids[at] for at in layout.positions_of(end)] for end in ends]


@st.composite
def batches(draw: st.DrawFn) -> list[Row]:
    ids = st.integers(-3, 5)
    prefixes = {task: draw(st.lists(ids, max_size=6)) for task in "ab"}
    rows: list[Row] = []
    for _ in range(draw(st.integers(1, 6))):
        task = draw(st.sampled_from("ab"))
        tokens = prefixes[task] + draw(st.lists(ids, max_size=5))
        loss = [draw(st.booleans()) and token >= 0 for token in tokens]
        rows.append(Row(task=task, input_ids=tuple(tokens), loss_mask=tuple(loss)))
    return rows


@given(batches(), st.booleans(), st.booleans())
def test_the_rows_can_be_read_back_in_order(rows: list[Row], share: bool, split: bool) -> None:
    packed = pack(rows, share_prefixes=share, split_static=split)
    assert rows_of(packed) == [list(row.input_ids) for row in rows]
    assert packed.num_row_tokens == sum(len(row.input_ids) for row in rows)
    assert packed.num_rows == len(rows)


@given(batches(), st.booleans())
def test_each_loss_token_is_predicted_by_the_token_before_it(rows: list[Row], share: bool) -> None:
    packed = pack(rows, share_prefixes=share)
    found = sorted(
        (packed.tasks[task], int(packed.position_ids_L[position]), token)
        for position, token, task in zip(
            packed.target_positions_N.tolist(),
            packed.target_ids_N.tolist(),
            packed.target_tasks_N.tolist(),
            strict=True,
        )
    )
    wanted = sorted(
        (row.task, t - 1, row.input_ids[t])
        for row in rows
        for t in range(1, len(row.input_ids))
        if row.loss_mask[t]
    )
    assert found == wanted
    assert dict(zip(packed.tasks, packed.target_counts, strict=True)) == {
        task: sum(name == task for name, _, _ in wanted) for task in packed.tasks
    }


@given(batches(), st.booleans())
def test_nothing_static_is_virtual_or_follows_a_virtual_token(rows: list[Row], share: bool) -> None:
    packed = pack(rows, share_prefixes=share)
    virtual = set(packed.virtual_positions_K.tolist())
    for segment, static in enumerate(packed.layout.static):
        if static:
            assert virtual.isdisjoint(packed.layout.positions_of(segment))
    assert not any(pack(rows, split_static=False).layout.static)


def test_text_before_the_first_virtual_token_lies_apart() -> None:
    rows = [row([7, 8, 10 + n, 20, -1, -2, 5], [0, 0, 1, 0, 0, 0, 1]) for n in range(3)]
    layout = pack(rows).layout
    assert layout.segment_lengths == (2, 2, 3, 2, 3, 2, 3)
    assert layout.static == (True, True, False, True, False, True, False)
    assert layout.prefix_of == (None, 0, 1, 0, 3, 0, 5)


def test_a_little_static_text_is_not_worth_a_second_pass() -> None:
    assert not any(pack([row([7, -1, *range(20)])]).layout.static)


@given(batches())
def test_positions_count_from_zero_in_each_row(rows: list[Row]) -> None:
    packed = pack(rows)
    layout = packed.layout
    for segment in range(len(layout.prefix_of)):
        positions = packed.position_ids_L[layout.positions_of(segment)].tolist()
        assert positions == list(range(len(positions)))


def test_what_all_rows_of_a_task_begin_with_is_packed_once() -> None:
    shared = [-1, -2, -3, 7, 8]
    rows = [row([*shared, 10 + n]) for n in range(4)]
    packed = pack(rows)
    assert packed.layout.num_tokens == len(shared) + 4
    assert packed.virtual_positions_K.tolist() == [0, 1, 2]
    assert pack(rows, share_prefixes=False).layout.num_tokens == 4 * (len(shared) + 1)


def test_tasks_share_nothing_with_each_other() -> None:
    rows = [row([-1, -2, 5, 10 + n], task=task) for task in "ab" for n in range(2)]
    packed = pack(rows)
    assert packed.layout.num_tokens == 2 * 3 + 4
    assert packed.virtual_tasks_K.tolist() == [0, 0, 1, 1]


def test_rows_without_tokens_or_loss_add_no_target() -> None:
    packed = pack([row([]), row([4], [1]), row([-1, 4, 5]), row([-1, 4, 5], [0, 0, 1])])
    assert packed.target_counts == (1,)
    assert packed.target_ids_N.tolist() == [5]
    assert packed.virtual_lengths == (1,)


def test_a_batch_of_no_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        pack([])
