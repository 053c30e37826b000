"""The loss curve, as lines of text."""

import math

import hypothesis.strategies as st
from hypothesis import given

from softprompt_runtime.history import Entry
from softprompt_runtime.loss_curve import ASCII, draw_loss_curve


def test_a_falling_loss_falls_from_corner_to_corner() -> None:
    history: list[Entry] = [{"step": step, "loss": 5.0 - step} for step in range(1, 5)]
    history.insert(2, {"step": 2, "val_loss": 4.0})

    assert draw_loss_curve(history, width=13, height=4, marks=ASCII) == (
        "4 |   .  o\n"
        "  |      .\n"
        "  |         .\n"
        "1 |            .\n"
        "  +-------------\n"
        ". loss  o val_loss  step 4"
    )


def test_a_loss_that_falls_to_a_tenth_is_drawn_by_its_logarithm() -> None:
    history: list[Entry] = [{"step": step, "loss": 10.0 ** (3 - step)} for step in range(1, 4)]

    assert draw_loss_curve(history, width=9, height=3, marks=ASCII) == (
        "100 |   .\n    |     .\n  1 |        .\n    +---------\n. loss  log scale  step 3"
    )


def test_a_column_shows_the_mean_of_its_steps() -> None:
    history: list[Entry] = [
        {"step": 1, "loss": 9.0},
        {"step": 9, "loss": 1.0},
        {"step": 10, "loss": 3.0},
    ]

    drawn = draw_loss_curve(history, width=2, height=2, marks=ASCII)

    assert drawn == "9 |.\n2 | .\n  +--\n. loss  step 10"


def test_a_history_without_finite_losses_gives_no_curve() -> None:
    assert draw_loss_curve([]) is None
    assert draw_loss_curve([{"step": 1, "loss": math.nan}, {"step": 2, "loss": math.inf}]) is None


LOSSES = st.one_of(st.floats(0, 1e9), st.sampled_from([math.nan, math.inf]))


@given(
    st.lists(
        st.fixed_dictionaries(
            {"step": st.integers(0, 10**6)},
            optional={"loss": LOSSES, "val_loss": LOSSES},
        ),
        max_size=30,
    )
)
def test_any_history_fits_the_plot(history: list[Entry]) -> None:
    drawn = draw_loss_curve(history, width=20, height=5)

    if drawn is not None:
        lines = drawn.splitlines()
        assert len(lines) == 7
        assert max(map(len, lines[:6])) <= 20 + 2 + 9  # axis and label
