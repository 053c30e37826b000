"""Layers in pipeline stages."""

from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.stages import LayerShape, split_layers, stage_layers
from tests.runtime.plans import tiny_task

SMOLLM2 = LayerShape(
    width=576,
    num_heads=9,
    num_kv_heads=3,
    head_dim=64,
    mlp_width=1536,
    family="llama",
    vocab_size=49152,
)


def sizes(stages: tuple[range, ...]) -> list[int]:
    return [len(stage) for stage in stages]


def test_weights_of_smollm2_are_counted() -> None:
    assert SMOLLM2.layer_weights == 3_538_944  # of 3,540,096 parameters; the rest are norms
    assert SMOLLM2.head_weights == 28_311_552


def test_the_last_stage_has_fewer_layers_where_the_head_weighs() -> None:
    answers, all_tokens = tiny_task(), tiny_task(answer_only_loss=False)

    assert sizes(stage_layers(SMOLLM2, 30, 2, [answers])) == [15, 15]
    assert sizes(stage_layers(SMOLLM2, 30, 4, [answers])) == [7, 8, 8, 7]
    assert sizes(stage_layers(SMOLLM2, 30, 2, [answers, all_tokens])) == [19, 11]
    assert sizes(stage_layers(SMOLLM2, 30, 4, [all_tokens])) == [9, 9, 10, 2]


def test_earlier_stages_are_shorter_where_it_makes_no_difference() -> None:
    assert sizes(split_layers([1.0] * 5, 2)) == [2, 3]
    assert sizes(split_layers([1.0] * 8, 3)) == [2, 3, 3]
    assert sizes(split_layers([1.0] * 4, 4)) == [1, 1, 1, 1]
    assert sizes(split_layers([1.0] * 7, 1)) == [7]


@given(
    costs=st.lists(st.integers(1, 9).map(float), min_size=1, max_size=7),
    ends=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    data=st.data(),
)
def test_no_split_has_a_cheaper_costliest_stage(
    costs: list[float], ends: tuple[int, int], data: st.DataObject
) -> None:
    num_stages = data.draw(st.integers(1, len(costs)))
    first, last = map(float, ends)

    found = split_layers(costs, num_stages, first=first, last=last)

    assert [at for stage in found for at in stage] == list(range(len(costs)))
    assert all(len(stage) >= 1 for stage in found)

    def worst(stages: list[range]) -> float:
        totals = [sum(costs[at] for at in stage) for stage in stages]
        totals[0] += first
        totals[-1] += last
        return max(totals)

    inner = combinations(range(1, len(costs)), num_stages - 1)
    every = [[range(*pair) for pair in pairwise((0, *cuts, len(costs)))] for cuts in inner]
    assert worst(list(found)) == min(map(worst, every))


@pytest.mark.parametrize("num_stages", [0, 4])
def test_a_stage_without_layers_is_refused(num_stages: int) -> None:
    with pytest.raises(ValueError, match="3 layers cannot fill"):
        split_layers([1.0] * 3, num_stages)
