"""A character of a string leads back to the source text that wrote it, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.parse import parse
from softprompt_compiler.source import SourceFile
from softprompt_compiler.string_places import string_places
from softprompt_compiler.tree import ScalarNode

WORD = st.text(alphabet="ab{}日", min_size=1, max_size=3)
GAP = st.sampled_from([" ", "  ", "\n  ", "\n\n  ", "\r\n   ", " \n  ", "\n \n\n  "])
QUOTED_BIT = {
    "'": st.sampled_from(["''", '"', "\\", "#"]),
    '"': st.sampled_from(["\\n", '\\"', "\\\\", "\\x41", "\\u65e5", "\\U0001F600", "\\\n  ", "'"]),
}
BLOCK_LINE = st.sampled_from(["", "a", "ab {c}", "  deeper", "\tb", "日本", "x  "])


@st.composite
def flow_scalar(draw: st.DrawFn, quote: str) -> str:
    pieces: list[str] = [draw(WORD)]
    for _ in range(draw(st.integers(0, 6))):
        bits = [WORD, GAP, QUOTED_BIT[quote]] if quote else [WORD, GAP]
        pieces.append(draw(st.one_of(bits)))
    return f"{quote}{''.join([*pieces, draw(WORD)])}{quote}"


@st.composite
def block_scalar(draw: st.DrawFn) -> str:
    header = draw(st.sampled_from(["|", ">", "|-", ">-", "|+", ">+", "| # why", ">2", "|2-"]))
    lines = draw(st.lists(BLOCK_LINE, min_size=1, max_size=6))
    first = draw(st.sampled_from(["a", "日 b"]))
    body = "".join(f"  {line}\n" if line else "\n" for line in [first, *lines])
    return f"{header}\n{body}"


def scalar(raw: str) -> ScalarNode | None:
    """The value of a key, if `raw` can stand there alone."""
    source = SourceFile(name="s", text=f"key: {raw}")
    tree = parse(source).tree
    node = tree.find(("key",)) if tree else None
    return node if isinstance(node, ScalarNode) and len(tree.root.entries) == 1 else None  # type: ignore[union-attr]


def assert_places_lead_back(raw: str) -> None:
    node = scalar(raw)
    if node is None or not isinstance(node.value, str):
        return
    places = string_places(node.span.text, node.text, node.style.value)

    assert places is not None, (raw, node.text)
    assert len(node.text) + 1 == len(places)
    assert places == sorted(places)
    for character, (start, end) in zip(node.text, places, strict=False):
        written = node.span.text[start:end]
        folded = character in " \n" and written.strip() == ""
        assert written == character or folded or written[:1] in ("\\", "'"), (raw, character)


@given(flow_scalar(""))
def test_plain_text(raw: str) -> None:
    assert_places_lead_back(raw)


@given(flow_scalar("'"))
def test_single_quoted_text(raw: str) -> None:
    assert_places_lead_back(raw)


@given(flow_scalar('"'))
def test_double_quoted_text(raw: str) -> None:
    assert_places_lead_back(raw)


@given(block_scalar())
def test_block_text(raw: str) -> None:
    assert_places_lead_back(raw)


@pytest.mark.parametrize(
    ("raw", "written"),
    [
        ("Ask {x} now", "{x}"),
        ("'it''s {x}'", "{x}"),
        ('"\\n\\u0041\\t{x}"', "{x}"),
        ('"a\\\n    {x}"', "{x}"),
        ("a\n\n  b\n  {x}", "{x}"),
        ("|\n  a\n\n  b {x}\n", "{x}"),
        (">-\n  a\n  b\n    c\n  {x}", "{x}"),
        ("|2\n    a {x}\n", "{x}"),
        ('"\\x7bx}"', "\\x7bx}"),
    ],
)
def test_a_field_of_a_template_is_found_in_the_source(raw: str, written: str) -> None:
    node = scalar(raw)
    assert node is not None
    start = node.text.index("{x}")

    assert node.span_at(start, start + 3).text == written


def test_a_place_between_characters_has_no_width() -> None:
    node = scalar("abc")
    assert node is not None

    assert (node.span_at(2, 2).start, node.span_at(2, 2).end) == (7, 7)
    assert (node.span_at(3, 3).start, node.span_at(3, 3).end) == (8, 8)


def test_text_that_the_rules_do_not_give_has_no_places() -> None:
    assert string_places("'abc'", "abd", "'") is None
