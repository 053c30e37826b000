"""How many times an epoch visits the rows of each task."""


def visits_per_epoch(num_rows: int, weight: float) -> int:
    """Visits of a task's training rows in one epoch: `weight` times each row, rounded.

    At least one, so that no task is left out. 0 for no rows. Raises ValueError for a weight that is
    not above 0.
    """
    if not weight > 0:
        raise ValueError(f"a task's weight is {weight}, which is not above 0")
    return max(1, round(num_rows * weight)) if num_rows else 0
