"""Logit filters against NeMo's recorded outputs, and their laws.

The golden file holds NeMo's own outputs. Where it divides a negative logit by the penalty, which
rewards repetition, the expected value is computed here, in plain Python.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given, settings

from softprompt_plan.plan import InferencePlan
from softprompt_runtime.sampling import (
    choose_tokens,
    filter_logits,
    keep_top_k,
    keep_top_p,
    penalize_repetition,
    row_uniforms,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "nemo" / "sampling_cases.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
NEVER = float("-inf")


def plan(**changes: Any) -> InferencePlan:
    values: dict[str, Any] = {
        "greedy": False,
        "add_bos": False,
        "tokens_to_generate": 8,
        "top_k": 0,
        "top_p": 1.0,
        "temperature": 1.0,
        "repetition_penalty": 1.0,
        "batch_size": 4,
        "seed": 1,
    }
    return InferencePlan(**(values | changes))


def seen_mask(case: dict[str, Any]) -> torch.Tensor:
    mask = torch.zeros(len(case["logits"]), len(case["logits"][0]), dtype=torch.bool)
    for row, ids in enumerate(case["used_token_ids"] or []):
        mask[row, ids] = True
    return mask


def filtered(case: dict[str, Any]) -> list[list[float]]:
    names = ("temperature", "top_k", "top_p", "repetition_penalty")
    inference = plan(**{name: case[name] for name in names})
    return filter_logits(torch.tensor(case["logits"]), seen_mask(case), inference).tolist()


def nemo_rewards_repetition(case: dict[str, Any]) -> bool:
    used = case["used_token_ids"] or [[] for _ in case["logits"]]
    rows = zip(case["logits"], used, strict=True)
    return case["repetition_penalty"] != 1 and any(row[i] < 0 for row, ids in rows for i in ids)


def right_row(case: dict[str, Any], row: int) -> list[float]:
    """One row, id by id: the documented filters with a penalty that looks at the sign."""
    used = set((case["used_token_ids"] or [[]] * len(case["logits"]))[row])
    values = [value / case["temperature"] for value in case["logits"][row]]
    penalty = case["repetition_penalty"]
    for i in used:
        values[i] = values[i] / penalty if values[i] > 0 else values[i] * penalty
    if case["top_k"] > 0:
        smallest = sorted(values, reverse=True)[case["top_k"] - 1]
        values = [value if value >= smallest else NEVER for value in values]
    if 0 < case["top_p"] < 1:
        total = sum(math.exp(value) for value in values)
        before = 0.0
        for i in sorted(range(len(values)), key=lambda i: (-values[i], i)):
            probability = math.exp(values[i]) / total
            if before > case["top_p"]:
                values[i] = NEVER
            before += probability
    return values


@pytest.mark.parametrize("at", range(len(CASES)))
def test_filters_equal_nemo_wherever_it_is_right(at: int) -> None:
    case = CASES[at]
    rows = range(len(case["logits"]))
    recorded = [[NEVER if v is None else v for v in row] for row in case["filtered_logits"]]
    expected = [right_row(case, r) for r in rows] if nemo_rewards_repetition(case) else recorded

    for actual_row, expected_row in zip(filtered(case), expected, strict=True):
        assert actual_row == pytest.approx(expected_row, abs=2e-6)


def test_golden_cases_hold_both_kinds() -> None:
    wrong = [nemo_rewards_repetition(case) for case in CASES]

    assert 5 < sum(wrong) < len(CASES) - 5


def test_probabilities_equal_nemo_where_no_penalty_acts() -> None:
    for case in CASES:
        if case["repetition_penalty"] == 1:
            actual = torch.tensor(filtered(case)).softmax(-1)

            torch.testing.assert_close(
                actual, torch.tensor(case["probabilities"]), atol=1e-6, rtol=0
            )


def test_a_seen_id_with_a_negative_logit_becomes_less_likely() -> None:
    logits = torch.tensor([[-2.0, -2.0, 3.0]])

    actual = penalize_repetition(logits, torch.tensor([[True, False, True]]), 2.0)

    assert actual.tolist() == [[-4.0, -2.0, 1.5]]


def test_equals_of_the_kth_logit_are_kept() -> None:
    assert keep_top_k(torch.tensor([[1.0, 2.0, 1.0, 0.0]]), 2).tolist() == [[1.0, 2.0, 1.0, NEVER]]


def test_of_equal_logits_the_lower_id_enters_the_nucleus_first() -> None:
    assert keep_top_p(torch.zeros(1, 4), 0.3).tolist() == [[0.0, 0.0, NEVER, NEVER]]


def test_greedy_obeys_the_repetition_penalty() -> None:
    logits, seen = torch.tensor([[3.0, 2.0]]), torch.tensor([[True, False]])
    nothing = torch.zeros(1, dtype=torch.float64)

    free = choose_tokens(logits, seen, plan(greedy=True), nothing)
    penalized = choose_tokens(logits, seen, plan(greedy=True, repetition_penalty=2.0), nothing)

    assert (free.item(), penalized.item()) == (0, 1)


@dataclass(frozen=True)
class Batch:
    logits: torch.Tensor
    seen: torch.Tensor


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    rows, ids = draw(st.integers(1, 3)), draw(st.integers(1, 9))
    number = st.integers(-60, 60).map(lambda n: n / 4)  # ties are common
    values = draw(st.lists(number, min_size=rows * ids, max_size=rows * ids))
    seen = draw(st.lists(st.booleans(), min_size=rows * ids, max_size=rows * ids))
    return Batch(torch.tensor(values).view(rows, ids), torch.tensor(seen).view(rows, ids))


@st.composite
def inferences(draw: st.DrawFn) -> InferencePlan:
    return plan(
        top_k=draw(st.integers(0, 12)),
        top_p=draw(st.floats(0, 1)),
        temperature=draw(st.floats(0.1, 5)),
        repetition_penalty=draw(st.floats(1, 3)),
        greedy=draw(st.booleans()),
    )


@given(batches(), inferences())
@settings(max_examples=100, deadline=None)
def test_filters_only_lower_and_never_empty_a_row(batch: Batch, inference: InferencePlan) -> None:
    actual = filter_logits(batch.logits, batch.seen, inference)
    scaled = batch.logits / inference.temperature

    assert (actual <= scaled + 1e-6).all()
    assert actual.isfinite().any(dim=-1).all()


@given(batches(), inferences(), st.floats(0, 1, exclude_max=True))
@settings(max_examples=100, deadline=None)
def test_what_is_drawn_passed_the_filters(
    batch: Batch, inference: InferencePlan, uniform: float
) -> None:
    uniforms = torch.full((batch.logits.shape[0],), uniform, dtype=torch.float64)

    ids = choose_tokens(batch.logits, batch.seen, inference, uniforms)

    if not inference.greedy:
        kept = filter_logits(batch.logits, batch.seen, inference)
        assert kept.gather(1, ids[:, None]).isfinite().all()


@given(batches(), inferences(), st.floats(0, 1, exclude_max=True))
@settings(max_examples=50, deadline=None)
def test_a_row_is_treated_as_if_it_were_alone(
    batch: Batch, inference: InferencePlan, uniform: float
) -> None:
    uniforms = torch.full((batch.logits.shape[0],), uniform, dtype=torch.float64)

    together = choose_tokens(batch.logits, batch.seen, inference, uniforms).tolist()
    alone = [
        choose_tokens(batch.logits[r : r + 1], batch.seen[r : r + 1], inference, uniforms[:1])
        for r in range(len(together))
    ]

    assert together == [ids.item() for ids in alone]


def test_draws_follow_the_probabilities() -> None:
    logits = torch.tensor([[0.1, 0.6, 0.3]]).log()
    draws = row_uniforms(7, range(4000), 1)[:, 0]

    ids = choose_tokens(logits.expand(4000, 3), torch.zeros(4000, 3), plan(), draws)

    shares = torch.bincount(ids, minlength=3) / 4000
    torch.testing.assert_close(shares, torch.tensor([0.1, 0.6, 0.3]), atol=0.03, rtol=0)


def test_a_rows_draws_do_not_depend_on_the_other_rows() -> None:
    assert torch.equal(row_uniforms(3, [5], 4)[0], row_uniforms(3, [9, 5, 2], 4)[1])
    assert not torch.equal(row_uniforms(3, [5], 4), row_uniforms(4, [5], 4))


def test_the_largest_uniform_number_draws_an_id_that_can_be_drawn() -> None:
    logits = torch.tensor([[0.0, 0.0, NEVER]])
    largest = torch.tensor([math.nextafter(1.0, 0.0)], dtype=torch.float64)

    assert choose_tokens(logits, torch.zeros(1, 3), plan(), largest).item() == 1
