"""What the validations of a run have found so far: the best step, and whether to stop early."""

from dataclasses import dataclass, replace
from typing import final

from softprompt_plan.plan import EarlyStoppingPlan


@final
@dataclass(frozen=True, kw_only=True)
class ValidationState:
    """best_step, best_loss: of the lowest val_loss. mark: the loss that the next must beat by
    min_delta. num_checks_without_gain: validations in a row that did not.
    """

    best_step: int | None = None
    best_loss: float | None = None
    mark: float | None = None
    num_checks_without_gain: int = 0


def after_validation(
    state: ValidationState, step: int, loss: float, plan: EarlyStoppingPlan | None
) -> ValidationState:
    """The state once `step` has been validated with `loss`. Of equal losses the first is best."""
    if state.best_loss is None or loss < state.best_loss:
        state = replace(state, best_step=step, best_loss=loss)
    min_delta = 0.0 if plan is None else plan.min_delta
    if state.mark is None or loss < state.mark - min_delta:
        return replace(state, mark=loss, num_checks_without_gain=0)
    return replace(state, num_checks_without_gain=state.num_checks_without_gain + 1)


def stops_early(state: ValidationState, plan: EarlyStoppingPlan | None) -> bool:
    """Whether `patience` validations in a row have brought no gain."""
    return plan is not None and state.num_checks_without_gain >= plan.patience
