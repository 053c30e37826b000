"""Rows that are too long: what is cut, where, and how little."""

from typing import Any

import pytest

from softprompt_plan.example import Example, RowEncoder, Tokenizer, Unfit, UnfitReason
from softprompt_plan.vocabulary import TruncateSide
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import byte_level, llama_like, sentence_piece

_WORDS = "the cat sat on the mat and then the other cat sat there too"
_TEMPLATE = "<|VIRTUAL_PROMPT_0|> C: {context}\nH: {hint}\nA:{answer}"
RECORD = {"context": _WORDS, "hint": _WORDS, "answer": " yes"}


class Kept:
    """A row that lost something, and the text that its fields still have."""

    def __init__(self, example: Example, record: dict[str, str]) -> None:
        self.example = example
        self.num_tokens = dict(example.cut)
        self.fields = dict(record)
        for (field, _), (start, end) in zip(example.cut, example.cut_spans, strict=True):
            self.fields[field] = record[field][:start] + record[field][end:]


def _length(record: dict[str, str], **task: Any) -> int:
    (example,) = _encoder(100_000, **task).encode_batch([record])
    assert isinstance(example, Example)
    return len(example.input_ids)


def _encoder(limit: int, tokenizer: Tokenizer | None = None, **task: Any) -> RowEncoder:
    plan = task_plan(_TEMPLATE, **{"truncate_fields": ("context",)} | task)
    return RowEncoder(plan, tokenizer or byte_level(), limit, False)


def _cut(limit: int, record: dict[str, str] | None = None, **task: Any) -> Kept:
    given = RECORD if record is None else record
    (example,) = _encoder(limit, **task).encode_batch([given])
    assert isinstance(example, Example)
    return Kept(example, given)


@pytest.mark.parametrize("side", TruncateSide)
def test_each_token_less_loses_one_token_more(side: TruncateSide):
    whole = _length(RECORD)
    for less in range(1, 15):
        cut = _cut(whole - less, truncate_side=side)
        assert len(cut.example.input_ids) == whole - less
        assert cut.num_tokens == {"context": less}
        assert cut.fields["hint"] == RECORD["hint"]


def test_the_right_side_loses_its_end():
    cut = _cut(_length(RECORD) - 9)
    assert cut.fields["context"] == "the cat sat on the mat and then"


def test_the_left_side_loses_its_begin():
    cut = _cut(_length(RECORD) - 5, truncate_side=TruncateSide.LEFT)
    assert cut.fields["context"] == "on the mat and then the other cat sat there too"


def test_a_left_cut_keeps_a_space_that_stands_beside_no_other():
    task = task_plan("<|VIRTUAL_PROMPT_0|>C:{context};", truncate_side=TruncateSide.LEFT)
    (whole,) = RowEncoder(task, byte_level(), 1000, False).encode_batch([RECORD])
    assert isinstance(whole, Example)
    limit = len(whole.input_ids) - 3
    (example,) = RowEncoder(task, byte_level(), limit, False).encode_batch([RECORD])
    assert isinstance(example, Example)
    kept = Kept(example, RECORD)
    assert kept.fields["context"] == _WORDS.removeprefix("the cat")
    assert kept.num_tokens == {"context": 3}


@pytest.mark.parametrize("less", [9, 10])
def test_the_middle_loses_its_middle(less: int):
    cut = _cut(_length(RECORD) - less, truncate_side=TruncateSide.MIDDLE)
    ((start, end),) = cut.example.cut_spans
    head, tail = byte_level().encode_batch([" " + _WORDS[:start], _WORDS[end:]])
    assert len(head.ids) - len(tail.ids) == (len(head.ids) + len(tail.ids)) % 2
    assert start > 0
    assert end < len(_WORDS)


def test_fields_are_emptied_one_after_the_other():
    for order in (("context", "hint"), ("hint", "context")):
        first, second = order
        emptied = _length(RECORD | {first: ""})
        cut = _cut(emptied - 1, truncate_fields=order)
        assert cut.fields[first] == ""
        assert 0 < len(cut.fields[second]) < len(_WORDS)
        assert [name for name, _ in cut.example.cut] == [first, second]
        untouched = _cut(emptied, truncate_fields=order)
        assert untouched.fields[second] == _WORDS


def test_a_field_that_stands_twice_is_cut_in_both_places():
    template = "<|VIRTUAL_PROMPT_0|> {context} and again {context}? A:{answer}"
    task = task_plan(template)
    (whole,) = RowEncoder(task, byte_level(), 1000, False).encode_batch([RECORD])
    assert isinstance(whole, Example)
    limit = len(whole.input_ids) - 7
    (example,) = RowEncoder(task, byte_level(), limit, False).encode_batch([RECORD])
    assert isinstance(example, Example)
    assert example.cut == (("context", 4),)
    assert len(example.input_ids) == limit - 1


def test_a_row_that_stays_too_long_says_how_long_it_is():
    shortest = _length(RECORD | {"context": ""})
    (result,) = _encoder(shortest - 1).encode_batch([RECORD])
    assert result == Unfit(
        task="squad",
        reason=UnfitReason.CUT_TOO_LITTLE,
        num_tokens=_length(RECORD),
        min_tokens=shortest,
        max_seq_length=shortest - 1,
    )
    assert _cut(shortest).fields["context"] in ("", "the")  # " the" and " " are one token each


@pytest.mark.parametrize("fields", [(), ("hint",)])
def test_a_row_with_nothing_to_cut_says_so(fields: tuple[str, ...]):
    (result,) = _encoder(5, truncate_fields=fields).encode_batch([RECORD | {"hint": ""}])
    assert isinstance(result, Unfit)
    assert result.reason is UnfitReason.NOTHING_TO_CUT
    assert result.num_tokens == result.min_tokens


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 4])
def test_a_limit_that_virtual_tokens_fill_fits_nothing(limit: int):
    (result,) = _encoder(limit, truncate_fields=("context", "hint")).encode_batch([RECORD])
    assert isinstance(result, Unfit)


@pytest.mark.parametrize("tokenizer", [byte_level, llama_like, sentence_piece])
@pytest.mark.parametrize("side", TruncateSide)
@pytest.mark.parametrize(
    "text",
    [
        "\u6771\u4eac\u306f\u65e5\u672c\u306e\u9996\u90fd\u3067\u3059",
        "\U0001f469\u200d\U0001f680 \U0001f680\U0001f680\U0001f680",
        "Gr\u00f6\u00dfe \u0928\u092e\u0938\u094d\u0924\u0947 Z\u0351\u036b\u0343a\u0362lgo",
        "e\u0301te\u0301 " * 4,
    ],
)
def test_characters_are_never_broken(text: str, side: TruncateSide, tokenizer: Any):
    record = RECORD | {"context": text}
    task: dict[str, Any] = {"tokenizer": tokenizer(), "truncate_side": side}
    (whole,) = _encoder(1000, **task).encode_batch([record])
    assert isinstance(whole, Example)
    for limit in range(len(whole.input_ids) - 20, len(whole.input_ids)):
        (example,) = _encoder(limit, **task).encode_batch([record])
        if isinstance(example, Unfit):
            continue
        ids = [token for token in example.input_ids[:-1] if token >= 0]
        assert "\ufffd" not in tokenizer().decode(ids)
        ((start, end),) = example.cut_spans
        assert not {text[start : start + 1], text[end : end + 1]} & {*"\u0301\u0351\u0362\u0947"}
        assert len(example.input_ids) <= limit


def test_one_long_word_is_cut_too():
    record = RECORD | {"context": "x" * 5000}
    cut = _cut(300, record)
    assert 0 < len(cut.fields["context"]) < 5000
    assert set(cut.fields["context"]) == {"x"}
    assert len(cut.example.input_ids) == 300
