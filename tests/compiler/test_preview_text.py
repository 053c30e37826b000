"""The picture of a row on a terminal."""

import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.render.human import Style
from softprompt_compiler.render.preview_text import render
from softprompt_plan.row_case import RowCase
from softprompt_plan.vocabulary import Split
from tests.compiler.previews import joined, preview_of, row_of
from tests.strategies import cut_row_cases, row_cases
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import byte_level

PLAIN = Style(width=72)
COLOR = Style(color=True, width=72)
SGR = re.compile(r"\x1b\[[0-9;]*m")
MARKED = "<|VIRTUAL_PROMPT_0|>{context}"


def case(text: str, template: str = MARKED, limit: int = 1000, answer: str = " yes") -> RowCase:
    record = {"context": text, "answer": answer}
    return RowCase(
        task=task_plan(template),
        tokenizer=byte_level(),
        record=record,
        add_bos=False,
        limit=limit,
    )


def lines_of(shown: RowCase, style: Style = PLAIN) -> list[str]:
    """The lines of the row itself, without legend and head."""
    text = joined(render(preview_of(row_of(shown)), style))
    return [line.removeprefix("  ") for line in text.partition("\n\n")[2].splitlines()[1:]]


@given(st.one_of(row_cases(), cut_row_cases()), st.integers(1, 120), st.booleans())
def test_no_row_moves_the_cursor_or_is_too_wide(shown: RowCase, width: int, color: bool):
    text = joined(render(preview_of(row_of(shown)), Style(color=color, width=width)))

    plain = SGR.sub("", text)
    assert color or plain == text
    for line in plain.split("\n"):
        assert not any(unicodedata.category(character) in ("Cc", "Cf", "Zl") for character in line)
    for line in plain.partition("\n\n")[2].splitlines()[1:]:
        assert columns(line) <= max(width, 22) or "\u27e6" in line


def columns(line: str) -> int:
    """Terminal columns of a line."""
    widths = {"W": 2, "F": 2}
    marks = ("Mn", "Me")
    return sum(
        0
        if unicodedata.category(each) in marks
        else widths.get(unicodedata.east_asian_width(each), 1)
        for each in line
    )


@given(cut_row_cases())
def test_color_changes_no_word(shown: RowCase):
    def bare(style: Style) -> str:
        text = SGR.sub("", joined(render(preview_of(row_of(shown)), replace(style, width=10_000))))
        return re.sub(
            "[\u00b7\u00ab\u00bb\u27ea\u27eb\u25cc\u2423 -]", "", text.partition("\n\n")[2]
        )

    assert bare(COLOR) == bare(PLAIN)


def test_borders_are_dots_or_spaces_without_color():
    assert lines_of(case("the other cat")) == [
        "\u27e6squad 0-2\u27e7\u00abthe other c\u00b7at\u27e6EOS <|endoftext|>\u27e7\u00bb"
    ]


def test_tokens_are_underlined_in_turn_with_color():
    (line,) = lines_of(case("the other the", MARKED + ":{answer}"), COLOR)

    assert "\x1b[4mthe\x1b[0m other\x1b[4m the\x1b[0m" in line


def test_what_counts_in_the_loss_is_marked():
    template = MARKED + " answer:{answer}"

    assert lines_of(case("cat", template))[0].endswith(
        ":\u00ab yes\u27e6EOS <|endoftext|>\u27e7\u00bb"
    )
    assert "\x1b[1;32;4m yes\x1b[0m" in lines_of(case("cat", template), COLOR)[0]


def test_cut_text_is_struck_or_marked():
    shown = case("the other the other the", limit=7)

    assert "the other the\u00bb\u27ea- other the-\u27eb\u00ab" in lines_of(shown)[0]
    assert "\x1b[9;31m other the\x1b[0m" in lines_of(shown, COLOR)[0]


def test_a_line_break_is_a_sign_and_a_break():
    assert lines_of(case("the\nthe"))[0].endswith("the\u00b7\u21b5")
    assert lines_of(case("the\nthe"))[1].startswith("\u00b7the")


def test_spaces_that_would_not_be_seen_are_signs():
    (first, *_) = lines_of(case(" the  the \n"))

    assert first.endswith("\u2423the\u00b7\u2423\u00b7\u2423the\u00b7\u2423\u00b7\u21b5")


def test_escape_sequences_and_direction_marks_of_data_are_shown():
    (line,) = lines_of(case("\x1b[31m\u202e\t"), COLOR)

    shown = SGR.sub("", line)
    assert "\u241b[31m<U+202E>\u21e5" in shown.replace("\u00b7", "")


def test_an_accent_is_not_drawn_onto_a_border():
    shown = "".join(lines_of(case("e\u0301")))

    assert "e\u00b7\u25cc\u0301" in shown


def test_a_prompt_has_no_legend_of_the_loss():
    row = row_of(case("the"))

    assert "loss" in joined(render(preview_of(row), PLAIN)).partition("\n\n")[0]
    prompt = joined(render(preview_of(row, split=Split.TEST), PLAIN)).partition("\n\n")[0]
    assert "loss" not in prompt


def test_the_legend_is_told_once():
    row = row_of(case("the"))

    assert joined(render(preview_of(row, row, row), PLAIN)).count("virtual tokens") == 1


@pytest.mark.parametrize("width", [20, 40])
def test_lines_break_behind_spaces(width: int):
    lines = lines_of(case("the other " * 20 + "the"), Style(width=width))

    assert len(lines) > 1
    assert " ".join(lines).replace("\u00ab", "").startswith("\u27e6squad 0-2\u27e7the other the")
    assert {word for line in lines[1:-1] for word in line.split(" ")} == {"the", "other"}
