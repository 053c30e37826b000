"""Tokenizers that are handed in: ids, borders, continuations."""

import json
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.tokenization import (
    FastTokenizer,
    PieceEncoding,
    SentencePieceTokenizer,
    tokens_before,
)
from tests.strategies import TOKENIZERS, texts
from tests.tokenizers_for_tests import (
    byte_level,
    byte_level_spec,
    fast_tokenizer,
    llama_like_spec,
    sentence_piece,
    sentence_piece_processor,
)

_EACH = pytest.mark.parametrize("name", sorted(TOKENIZERS))


def test_tokens_are_counted_up_to_a_border_and_none_lies_across_it():
    # "a", a character of two tokens, one of two tokens of which the first is empty, "bc"
    offsets = [(0, 1), (1, 2), (1, 2), (2, 2), (2, 3), (3, 5)]
    encoding = PieceEncoding(list(range(6)), offsets)
    found = [tokens_before(encoding, position) for position in range(6)]
    assert found == [0, 1, 3, 5, None, 6]


@given(texts(), st.integers(0, 40), st.sampled_from(sorted(TOKENIZERS)))
def test_a_library_that_finds_tokens_itself_finds_the_same(text: str, at: int, name: str):
    (encoding,) = TOKENIZERS[name]().encode_batch([text])
    listed = PieceEncoding(encoding.ids, encoding.offsets)
    if 0 < at <= len(text):
        assert tokens_before(encoding, at) == tokens_before(listed, at)


@_EACH
def test_a_continuation_has_no_dummy_prefix(name: str):
    tokenizer = TOKENIZERS[name]()
    (whole,) = tokenizer.encode_batch(["mat, again"])
    at = tokens_before(whole, len("mat,"))
    assert at is not None
    assert list(whole.ids[at:]) == tokenizer.encode_continuation(" again")
    glued = tokenizer.encode_continuation("again")
    assert tokenizer.decode([*whole.ids[:at], *glued]) == "mat,again"


def test_a_dummy_prefix_is_dropped_in_every_form_that_files_write_it():
    metaspace = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always"}
    prepend = {"type": "Prepend", "prepend": "\u2581"}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}
    spec = llama_like_spec()
    forms = [
        {"pre_tokenizer": {**metaspace, "split": True}, "normalizer": None},
        {"pre_tokenizer": {**metaspace, "split": False}, "normalizer": None},
        {"normalizer": {"type": "Sequence", "normalizers": [prepend, replace]}},
    ]
    for form in forms:
        tokenizer = _fast({**spec, **form})
        (whole,) = tokenizer.encode_batch(["cat sat"])
        assert tokenizer.decode(whole.ids) == "cat sat"
        (alone,) = tokenizer.encode_batch(["again"])
        assert tokenizer.encode_continuation(" again") == list(alone.ids)
        assert tokenizer.encode_continuation("again") != list(alone.ids)


def test_a_byte_level_prefix_space_is_dropped_from_continuations():
    spec = byte_level_spec()
    spec["pre_tokenizer"]["add_prefix_space"] = True
    tokenizer = _fast(spec)
    (alone,) = tokenizer.encode_batch(["yes"])
    assert tokenizer.encode_continuation(" yes") == list(alone.ids)
    assert tokenizer.encode_continuation("yes") != list(alone.ids)


def test_a_tokenizer_that_strips_texts_keeps_the_space_that_begins_a_continuation():
    strip = {"type": "Strip", "strip_left": True, "strip_right": True}
    tokenizer = _fast({**byte_level_spec(), "normalizer": strip})
    (alone,) = tokenizer.encode_batch([" yes"])
    assert tokenizer.decode(alone.ids) == "yes"
    assert tokenizer.decode(tokenizer.encode_continuation(" yes")) == " yes"


def test_nothing_is_put_around_a_text_whatever_the_file_says():
    around = {
        "type": "TemplateProcessing",
        "single": [
            {"SpecialToken": {"id": "!", "type_id": 0}},
            {"Sequence": {"id": "A", "type_id": 0}},
        ],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
        "special_tokens": {"!": {"id": "!", "ids": [0], "tokens": ["!"]}},
    }
    tokenizer = _fast({**byte_level_spec(), "post_processor": around})
    (plain,) = byte_level().encode_batch(["yes"])
    (found,) = tokenizer.encode_batch(["yes"])
    assert list(found.ids) == list(plain.ids) == tokenizer.encode_continuation("yes")


def test_special_tokens_are_written_out_when_decoding():
    spec = byte_level_spec()
    marked = {"id": 3071, "content": "<|endoftext|>", "special": True, "normalized": False}
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    decoder = tokenizers.Tokenizer.from_str(
        json.dumps({**spec, "added_tokens": [{**marked, **flags}]})
    )
    backend = tokenizers.Tokenizer.from_str(json.dumps(spec))
    tokenizer = FastTokenizer(backend, 3071, 3071, decoder)
    assert tokenizer.decode([*tokenizer.encode_continuation("yes"), 3071]) == "yes<|endoftext|>"


def test_a_sentence_piece_model_knows_its_special_ids():
    assert (sentence_piece().bos_id, sentence_piece().eos_id) == (1, 2)


class _WithoutBos(sentencepiece.SentencePieceProcessor):
    def bos_id(self) -> int:
        return -1

    def eos_id(self) -> int:
        return 0


def test_a_sentence_piece_model_may_lack_a_special_piece():
    model = _WithoutBos(model_proto=sentence_piece_processor().serialized_model_proto())
    tokenizer = SentencePieceTokenizer(model)
    assert (tokenizer.bos_id, tokenizer.eos_id) == (None, 0)


@given(texts(), st.sampled_from(sorted(TOKENIZERS)))
def test_offsets_never_fall(text: str, name: str):
    (encoding,) = TOKENIZERS[name]().encode_batch([text])
    starts = [start for start, _ in encoding.offsets]
    assert starts == sorted(starts)
    assert len(encoding.ids) == len(encoding.offsets)
    assert all(0 <= start <= end <= len(text) for start, end in encoding.offsets)


def _fast(spec: dict[str, Any]) -> FastTokenizer:
    return fast_tokenizer(spec, None, None)
