import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.source import SourceFile, SourceKind


def source(text: str, first_line: int = 1) -> SourceFile:
    return SourceFile(name="spec.yaml", text=text, first_line=first_line)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_line_break_of_yaml_starts_a_line(line_break: str) -> None:
    text = f"ab{line_break}cd"
    span = source(text).span(text.index("d"))

    assert (span.line, span.column) == (2, 2)


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\u2029", "\v", "\f"])
def test_no_other_character_starts_a_line(character: str) -> None:
    span = source(f"ab{character}cd").span(4)

    assert (span.line, span.column) == (1, 5)


def test_the_end_of_the_text_is_a_place() -> None:
    span = source("a\n").span(2)

    assert (span.line, span.column) == (2, 1)


def test_a_span_is_held_inside_the_text() -> None:
    span = source("abc").span(2, 99)

    assert (span.start, span.end) == (2, 3)
    assert source("abc").span(-5).start == 0


def test_an_excerpt_counts_lines_from_its_first() -> None:
    excerpt = source("x\ny", first_line=17)

    assert excerpt.span(2).line == 18
    assert excerpt.line(18) == "y"
    assert excerpt.line(1) == ""


def test_spans_sort_by_kind_of_source_then_by_place() -> None:
    spec = SourceFile(name="z.yaml", text="abc")
    data = SourceFile(name="a.jsonl", text="abc", kind=SourceKind.DATA)
    spans = [data.span(0), spec.span(2), spec.span(1)]

    assert [spec.span(1), spec.span(2), data.span(0)] == sorted(spans, key=lambda s: s.sort_key)


@given(st.text(alphabet="ab\r\n\u2028é"), st.data())
def test_line_and_column_lead_back_to_the_character(text: str, data: st.DataObject) -> None:
    offset = data.draw(st.integers(0, len(text)))
    span = source(text).span(offset)
    line = span.source.line(span.line)

    assert line == re.split(r"\r\n|\r|\n", text)[span.line - 1]
    if offset < len(text) and text[offset] not in "\r\n":
        assert line[span.column - 1] == text[offset]
