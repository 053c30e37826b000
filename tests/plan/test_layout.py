"""Templates as runs of virtual tokens and stretches of text."""

import pytest

from softprompt_plan.layout import Stretch, VirtualRun, lay_out
from softprompt_plan.template import parse_template
from softprompt_plan.vocabulary import Whitespace

_VALUES = {"a": "A", "b": " B "}


def _rows(
    text: str, splits: tuple[int, ...], whitespace: Whitespace = Whitespace.KEPT
) -> list[str | VirtualRun]:
    layout = lay_out(parse_template(text).segments, splits, whitespace)
    return [part.text(_VALUES) if isinstance(part, Stretch) else part for part in layout.parts]


def _marked(text: str) -> str:
    """Markers written short: ⟦0⟧."""
    return text.replace("⟦", "<|VIRTUAL_PROMPT_").replace("⟧", "|>")


def test_virtual_tokens_are_numbered_by_their_markers_number():
    assert _rows(_marked("⟦1⟧x⟦0⟧y"), (2, 3)) == [(-3, -4, -5), "x", (-1, -2), "y"]


def test_neighbouring_markers_are_one_run():
    assert _rows(_marked("x⟦1⟧⟦0⟧"), (1, 2)) == ["x", (-2, -3, -1)]


def test_text_and_fields_between_markers_are_one_stretch():
    assert _rows(_marked("⟦0⟧{a}-{b}{a}"), (1,)) == [(-1,), "A- B A"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("  x {b}⟦0⟧ y \n", ["x  B ", (-1,), " y \n"]),
        ("\n x⟦0⟧{b}", ["\n x", (-1,), " B"]),
        ("⟦0⟧ x ⟦1⟧", [(-1,), " x ", (-2,)]),
        ("  ⟦0⟧  ", ["", (-1,), ""]),
    ],
)
def test_spaces_are_dropped_at_both_ends_of_the_row_only(text: str, rows: list[str | VirtualRun]):
    assert _rows(_marked(text), (1, 1)) == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("x \n⟦0⟧\n\u00a0y {b}⟦1⟧ z\n", ["x", (-1,), "y  B", (-2,), "z\n"]),
        ("⟦0⟧ \n ⟦1⟧x", [(-1,), "", (-2,), "x"]),
    ],
)
def test_nemo_2023_strips_white_space_beside_virtual_tokens(
    text: str, rows: list[str | VirtualRun]
):
    assert _rows(_marked(text), (1, 1), Whitespace.NEMO_2023) == rows


def test_a_split_of_no_tokens_joins_the_text_on_both_sides():
    assert _rows(_marked("⟦0⟧ x ⟦1⟧ y"), (0, 2)) == [" x ", (-1, -2), " y"]
    assert _rows(_marked("⟦0⟧ x ⟦1⟧ y"), (2, 0)) == [(-1, -2), " x  y"]


def test_a_split_of_no_tokens_still_keeps_the_spaces_beside_it():
    assert _rows(_marked("⟦0⟧ x ⟦1⟧"), (2, 0)) == [(-1, -2), " x "]
    assert _rows(_marked("⟦0⟧ x ⟦1⟧"), (0, 2)) == [" x ", (-1, -2)]


def test_a_field_is_found_where_it_first_stands():
    layout = lay_out(parse_template("  x{a} {b}{a}").segments, (), Whitespace.KEPT)
    (stretch,) = layout.parts
    assert isinstance(stretch, Stretch)
    assert stretch.text(_VALUES) == "xA  B A"
    assert stretch.find_field(_VALUES, "a") == 1
    assert stretch.find_field(_VALUES, "b") == 3
    assert stretch.find_field(_VALUES, "c") is None
    assert layout.count_field("a") == 2


def test_a_field_that_is_trimmed_begins_before_the_text():
    layout = lay_out(parse_template(" {b}{a}").segments, (), Whitespace.KEPT)
    (stretch,) = layout.parts
    assert isinstance(stretch, Stretch)
    assert stretch.text(_VALUES) == "B A"
    assert stretch.find_field(_VALUES, "b") == -1


def test_an_empty_template_has_no_parts():
    assert _rows("", ()) == []
