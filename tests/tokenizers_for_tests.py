"""Small real tokenizers: those of the golden cases, and two of other make."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import sentencepiece
import tokenizers

from softprompt_plan.tokenization import FastTokenizer, SentencePieceTokenizer

NEMO = Path(__file__).parent / "golden" / "nemo"
END_OF_TEXT = 3071  # BOS and EOS of the byte-level tokenizer

_WORDS = (
    "the cat sat on the mat and then the other cat sat there too, answer: yes no maybe; "
    "a quick brown fox jumps over the lazy dog again and again; context question review label"
)


@cache
def byte_level() -> FastTokenizer:
    """Byte-level BPE of 3072 ids, which reads every text as text."""
    return fast_tokenizer(byte_level_spec(), END_OF_TEXT, END_OF_TEXT)


@cache
def byte_level_that_reads_special_tokens() -> FastTokenizer:
    """The same, but `<|endoftext|>` in a text is EOS, as it is for NeMo."""
    text = (NEMO / "tokenizer" / "tokenizer.json").read_text()
    return fast_tokenizer(json.loads(text), END_OF_TEXT, END_OF_TEXT)


@cache
def sentence_piece() -> SentencePieceTokenizer:
    """SentencePiece BPE of 1500 pieces with byte fallback; it shortens runs of spaces."""
    return SentencePieceTokenizer(sentence_piece_processor())


def sentence_piece_processor() -> Any:
    """The library's object for the golden SentencePiece model."""
    model = NEMO / "tokenizer_spm" / "tokenizer.model"
    return sentencepiece.SentencePieceProcessor(model_file=str(model))


@cache
def llama_like() -> FastTokenizer:
    """BPE of characters with a dummy prefix, no splitting into words, and byte fallback."""
    return fast_tokenizer(llama_like_spec(), 1, 2)


def llama_like_spec() -> dict[str, Any]:
    """The tokenizer.json of `llama_like`."""
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    pieces = ["<unk>", "<s>", "</s>", *bytes_, *sorted({*_WORDS, "\u2581"} - {" "})]
    words = ["\u2581" + word for word in sorted(set(_WORDS.split()))]
    growing = [(word[: at - 1], word[at - 1]) for word in words for at in range(2, len(word) + 1)]
    crossing = [("a", "n"), ("an", "s"), ("w", "e"), ("we", "r"), (":", "\u2581yes")]
    merges = list(dict.fromkeys([*growing, *crossing]))
    pieces += [left + right for left, right in merges]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": {
            "type": "Sequence",
            "normalizers": [
                {"type": "Prepend", "prepend": "\u2581"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"},
            ],
        },
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": {
            "type": "Sequence",
            "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"},
                {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0},
            ],
        },
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": "<unk>",
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": True,
            "byte_fallback": True,
            "ignore_merges": False,
            "vocab": {piece: at for at, piece in enumerate(dict.fromkeys(pieces))},
            "merges": [list(merge) for merge in merges],
        },
    }


@cache
def llama3_like() -> FastTokenizer:
    """Byte-level BPE with the words of Llama 3 and Qwen, NFC, and whole words taken as they are."""
    spec = byte_level_spec()
    spec["normalizer"] = {"type": "NFC"}
    pattern = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    spec["pre_tokenizer"] = {
        "type": "Sequence",
        "pretokenizers": [split | {"invert": False}, byte_level | {"use_regex": False}],
    }
    spec["model"]["ignore_merges"] = True
    return fast_tokenizer(spec, END_OF_TEXT, END_OF_TEXT)


def byte_level_spec() -> dict[str, Any]:
    """The tokenizer.json of `byte_level`."""
    spec = json.loads((NEMO / "tokenizer" / "tokenizer.json").read_text())
    return {**spec, "added_tokens": []}


def fast_tokenizer(spec: dict[str, Any], bos_id: int | None, eos_id: int | None) -> FastTokenizer:
    """A tokenizer of the text of a tokenizer.json."""
    return FastTokenizer(tokenizers.Tokenizer.from_str(json.dumps(spec)), bos_id, eos_id)
