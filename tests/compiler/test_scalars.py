import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softprompt_compiler.parse import parse_node
from softprompt_compiler.scalars import (
    NumberTooLongError,
    quoted,
    quoted_as_meant,
    resolve_plain,
)
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import ScalarNode

PRINTABLE = st.text(
    st.characters(exclude_categories=("Cs", "Cn", "Co"), exclude_characters="\0\ufffe\uffff")
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1E5", 1e5),
        (".5", 0.5),
        ("1.", 1.0),
        ("+1.5e+3", 1500.0),
        ("-0", 0),
        ("010", 10),  # YAML 1.1: 8
        ("0o10", 8),
        ("0x1F", 31),
        ("1_000", "1_000"),  # YAML 1.1: 1000
        ("1:30", "1:30"),  # YAML 1.1: 90
        ("0b1", "0b1"),
        ("no", "no"),  # YAML 1.1: False
        ("on", "on"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("tRUE", "tRUE"),
        ("null", None),
        ("~", None),
        ("", None),
        ("nil", "nil"),
        ("2024-01-01", "2024-01-01"),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        ("inf", "inf"),
        ("nan", "nan"),
        ("1e", "1e"),
        ("e1", "e1"),
        (".", "."),
        ("+", "+"),
        ("١٢", "١٢"),  # Arabic digits are text, though int() would take them
    ],
)
def test_plain_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = resolve_plain(text)

    assert (type(value), value) == (type(found), found)


def test_not_a_number_is_a_number() -> None:
    assert math.isnan(resolve_plain(".nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["9" * 5000, "1." + "0" * 5000])
def test_a_number_without_end_is_refused(text: str) -> None:
    with pytest.raises(NumberTooLongError):
        resolve_plain(text)


@given(PRINTABLE)
@example("it's")
@example("\\")
@example("a: b # c")
@example("\ufeff")
@example(" \t ")
def test_quoted_text_reads_back_as_itself(text: str) -> None:
    node, found = parse_node(SourceFile(name="s", text=quoted(text)))

    assert not found
    assert isinstance(node, ScalarNode)
    assert node.value == text
    assert "\n" not in quoted(text)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        (r"Context: {context}\nAnswer:", r'"Context: {context}\nAnswer:"'),
        (r'Say "hi": {text}\n', r'"Say \"hi\": {text}\n"'),
        ("Context: {context}", "'Context: {context}'"),
        (r"C:\new: x", r"'C:\new: x'"),
        (r"a\n: \d", r"'a\n: \d'"),
    ],
)
def test_a_line_break_that_is_written_as_an_escape_is_quoted_as_one(text: str, meant: str) -> None:
    assert quoted_as_meant(text) == meant
