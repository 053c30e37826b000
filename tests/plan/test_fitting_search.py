"""How the smallest cut that fits is found: with few encodings, whatever the tokenizer."""

from typing import Any

import pytest

from softprompt_plan.example import Example, RowEncoder, Tokenizer
from softprompt_plan.tokenization import PieceEncoding
from tests.plan.test_fitting import RECORD, Kept
from tests.task_plans import task_plan
from tests.tokenizers_for_tests import byte_level

_WORDS = RECORD["context"]


def _encoder(limit: int, tokenizer: Tokenizer) -> RowEncoder:
    template = "<|VIRTUAL_PROMPT_0|> C: {context}\nH: {hint}\nA:{answer}"
    return RowEncoder(task_plan(template), tokenizer, limit, False)


class _Counting:
    """A tokenizer that counts the texts it was given."""

    def __init__(self) -> None:
        self._inner = byte_level()
        self.bos_id, self.eos_id = self._inner.bos_id, self._inner.eos_id
        self.encode_continuation = self._inner.encode_continuation
        self.keeps_border = self._inner.keeps_border
        self.decode = self._inner.decode
        self.num_texts = 0
        self.num_calls = 0

    def encode_batch(self, texts: Any) -> Any:
        self.num_texts += len(texts)
        self.num_calls += 1
        return self._inner.encode_batch(texts)


def test_a_batch_is_cut_with_few_encodings():
    counting = _Counting()
    records = [RECORD | {"context": " ".join([_WORDS] * n)} for n in range(3, 60)]
    results = _encoder(60, counting).encode_batch(records)
    assert all(isinstance(result, Example) and result.cut for result in results)
    assert counting.num_texts <= 3 * len(records)
    assert counting.num_calls <= 4


def test_a_field_that_stands_often_is_cut_with_few_encodings():
    counting = _Counting()
    task = task_plan("<|VIRTUAL_PROMPT_0|>" + " {context};" * 8)
    encoder = RowEncoder(task, counting, 200, False)
    (example,) = encoder.encode_batch([{"context": " ".join([_WORDS] * 20)}])
    assert isinstance(example, Example)
    assert example.cut
    assert counting.num_calls <= 4


def test_rows_that_fit_are_encoded_once():
    counting = _Counting()
    _encoder(1000, counting).encode_batch([RECORD] * 100)
    assert (counting.num_texts, counting.num_calls) == (100, 1)


def test_a_hostile_field_is_still_cut_in_few_rounds():
    """Runs of characters whose tokens change with every cut."""
    text = "".join("ab" * (n % 7) + " " * (n % 5) + "\n" * (n % 3) for n in range(400))
    counting = _Counting()
    (result,) = _encoder(200, counting).encode_batch([RECORD | {"context": text}])
    assert isinstance(result, Example)
    assert counting.num_calls <= 16


@pytest.mark.parametrize("times", [1, 2])
def test_no_smaller_cut_would_do_in_a_hostile_field(times: int):
    """Runs of characters whose tokens change with every cut."""
    text = "".join("ab" * (n % 7) + " " * (n % 5) + "\n" * (n % 3) for n in range(20))
    task = task_plan("<|VIRTUAL_PROMPT_0|>" + "{context};" * times)
    record = {"context": text}

    def row(limit: int, text: str = text) -> Example:
        (result,) = RowEncoder(task, byte_level(), limit, False).encode_batch([{"context": text}])
        assert isinstance(result, Example)
        return result

    (encoding,) = byte_level().encode_batch([text + ";"])
    borders = [start for start, _ in encoding.offsets if start < len(text)] + [len(text)]
    for limit in range(10, len(row(1000).input_ids)):
        cut = Kept(row(limit), record)
        smaller = borders[borders.index(len(cut.fields["context"])) + 1]
        assert len(cut.example.input_ids) <= limit < len(row(1000, text[:smaller]).input_ids)


class _BytePairs:
    """A tokenizer whose tokens are two bytes each, also where these are of two characters."""

    bos_id, eos_id = None, 0

    def encode_batch(self, texts: Any) -> list[PieceEncoding]:
        return [self._encode(text) for text in texts]

    def _encode(self, text: str) -> PieceEncoding:
        owners = [at for at, character in enumerate(text) for _ in character.encode()]
        pairs = [owners[at : at + 2] for at in range(0, len(owners), 2)]
        offsets = [(pair[0], pair[-1] + 1) for pair in pairs]
        return PieceEncoding([1] * len(offsets), offsets)

    def encode_continuation(self, text: str) -> list[int]:
        return list(self._encode(text).ids)

    def keeps_border(self, last: str, first: str) -> bool:
        return False

    def decode(self, ids: Any) -> str:
        raise NotImplementedError


def test_where_a_token_holds_parts_of_two_characters_nothing_is_cut():
    for context, kept in (("\u00e9" * 8, "\u00e9" * 7), ("a" + "\u00e9" * 8, "")):
        record = RECORD | {"context": context}
        (whole,) = _encoder(1000, _BytePairs()).encode_batch([record])
        assert isinstance(whole, Example)
        limit = len(whole.input_ids) - 1
        (example,) = _encoder(limit, _BytePairs()).encode_batch([record])
        assert isinstance(example, Example)
        assert Kept(example, record).fields["context"] == kept


class _Shortened(_BytePairs):
    """Takes letters one by one in a text with a `!`, and two by two in any other."""

    def _encode(self, text: str) -> PieceEncoding:
        if "!" not in text:
            return super()._encode(text)
        offsets = [(at, at + 1) for at in range(len(text))]
        return PieceEncoding([1] * len(offsets), offsets)


def test_a_small_cut_that_helps_more_than_its_tokens_is_found():
    record = RECORD | {"context": "abcdefghijklmnopqrst!"}
    (whole,) = _encoder(1000, _Shortened()).encode_batch([record])
    assert isinstance(whole, Example)
    (example,) = _encoder(len(whole.input_ids) - 8, _Shortened()).encode_batch([record])
    assert isinstance(example, Example)
    assert Kept(example, record).fields["context"] == record["context"][:-1]


class _Sluggish(_BytePairs):
    """Takes letters one by one in a text with a `!`; cuts in any other hardly help."""

    def __init__(self) -> None:
        self.num_calls = 0

    def encode_batch(self, texts: Any) -> list[PieceEncoding]:
        self.num_calls += 1
        return super().encode_batch(texts)

    def _encode(self, text: str) -> PieceEncoding:
        count = len(text) if "!" in text else 400 + len(text) // 20
        return PieceEncoding([1] * count, [(at, at + 1) for at in range(count)])


def test_a_search_whose_guesses_hardly_help_ends_soon():
    sluggish, record = _Sluggish(), {"context": "x" * 440 + "!"}
    encoder = RowEncoder(task_plan("<|VIRTUAL_PROMPT_0|>{context}"), sluggish, 409, False)
    (example,) = encoder.encode_batch([record])
    assert isinstance(example, Example)
    assert Kept(example, record).fields["context"] == "x" * 119
    assert sluggish.num_calls <= 16
