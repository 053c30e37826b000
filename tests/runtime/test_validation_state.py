from softprompt_plan.plan import EarlyStoppingPlan
from softprompt_runtime.validation_state import ValidationState, after_validation, stops_early

PLAN = EarlyStoppingPlan(patience=2, min_delta=0.1)


def after(losses: list[float], plan: EarlyStoppingPlan | None = PLAN) -> ValidationState:
    state = ValidationState()
    for step, loss in enumerate(losses, start=1):
        state = after_validation(state, step, loss, plan)
    return state


def test_the_best_step_is_the_first_with_the_lowest_loss() -> None:
    state = after([3.0, 2.0, 2.5, 2.0])

    assert (state.best_step, state.best_loss) == (2, 2.0)


def test_a_small_gain_is_a_new_best_but_does_not_buy_time() -> None:
    state = after([3.0, 2.95, 2.94])

    assert state.best_step == 3
    assert state.num_checks_without_gain == 2
    assert stops_early(state, PLAN)


def test_small_gains_that_add_up_count_as_one() -> None:
    assert after([3.0, 2.94, 2.88]).num_checks_without_gain == 0


def test_a_gain_starts_the_count_anew() -> None:
    assert not stops_early(after([3.0, 3.0, 2.0, 2.0]), PLAN)
    assert stops_early(after([3.0, 3.0, 2.0, 2.0, 2.0]), PLAN)


def test_without_early_stopping_nothing_stops() -> None:
    assert not stops_early(after([1.0] * 100, None), None)
