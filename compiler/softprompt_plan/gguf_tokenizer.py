"""The tokenizer inside a GGUF file as tokenizer.json text, for byte-level BPE vocabularies.

The file names its pre-tokenizer (`tokenizer.ggml.pre`), and the ids depend on it: "12" is one
token or two. Only the names below are read. Each stands for the pre-tokenizer that the model's own
tokenizer.json has, to which llama.cpp's expressions (src/llama-vocab.cpp) are equivalent.
"""

import json
from typing import Any

from softprompt_plan.gguf import GgufError, GgufFaultKind, GgufMetadata, read_integers, read_texts

# llama.cpp's enum of tokenizer.ggml.token_type
_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5

_CASELESS_ENDINGS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+"
_SIGNS_AND_SPACE = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_LLAMA3 = rf"{_CASELESS_ENDINGS}|{_WORDS}|\p{{N}}{{1,3}}|{_SIGNS_AND_SPACE}"
_QWEN2 = rf"{_CASELESS_ENDINGS}|{_WORDS}|\p{{N}}|{_SIGNS_AND_SPACE}"


def byte_level(*, use_regex: bool, add_prefix_space: bool = False) -> dict[str, Any]:
    """Byte-level pre-tokenizer or decoder; `use_regex` splits words as GPT-2 does."""
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def _sequence(first: dict[str, Any], *, use_regex: bool) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": [first, byte_level(use_regex=use_regex)]}


def _split(pattern: str) -> dict[str, Any]:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    return _sequence(split | {"invert": False}, use_regex=False)


_GPT2_STYLE = byte_level(use_regex=True)  # GPT-2's expression is ByteLevel's own
_DIGIT_BY_DIGIT = _sequence({"type": "Digits", "individual_digits": True}, use_regex=True)
_PRE_TOKENIZERS = {
    "gpt-2": _GPT2_STYLE,
    "smollm": _DIGIT_BY_DIGIT,
    "starcoder": _DIGIT_BY_DIGIT,
    "refact": _DIGIT_BY_DIGIT,
    "llama-bpe": _split(_LLAMA3),
    "qwen2": _split(_QWEN2),
}
_NORMALIZERS = {"qwen2": {"type": "NFC"}}
_WHOLE_WORDS_FIRST = {"llama-bpe"}  # a word that is in the vocabulary is not merged together


def gguf_tokenizer_json(metadata: GgufMetadata) -> str:
    """The text of a tokenizer.json with the content of `gguf_tokenizer`."""
    return json.dumps(gguf_tokenizer(metadata), ensure_ascii=False)


def gguf_tokenizer(metadata: GgufMetadata) -> dict[str, Any]:
    """The content of a tokenizer.json for the file's tokenizer. It adds nothing around a text.

    Raises GgufError for a tokenizer that is no byte-level BPE, for a pre-tokenizer that is not
    known here, and for a vocabulary that contradicts itself.
    """
    pre = _pre_tokenizer_name(metadata)
    tokens = read_texts(metadata, "tokenizer.ggml.tokens")
    merges = read_texts(metadata, "tokenizer.ggml.merges")
    types = _token_types(metadata, len(tokens))
    vocab = {tokens[id]: id for id in range(len(tokens)) if types[id] != _UNUSED}
    if len(vocab) != sum(type != _UNUSED for type in types):
        raise _corrupt(metadata, "a token is there twice")
    model = {
        "type": "BPE",
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": pre in _WHOLE_WORDS_FIRST,
        "vocab": vocab,
        "merges": [_merge(metadata, merge, vocab) for merge in merges],
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            added_token(id, tokens[id], special=types[id] == _CONTROL)
            for id in range(len(tokens))
            if types[id] in (_CONTROL, _USER_DEFINED)
        ],
        "normalizer": _NORMALIZERS.get(pre),
        "pre_tokenizer": _PRE_TOKENIZERS[pre],
        "post_processor": None,
        "decoder": byte_level(use_regex=True),
        "model": model,
    }


def _pre_tokenizer_name(metadata: GgufMetadata) -> str:
    model = metadata.text("tokenizer.ggml.model")
    if model != "gpt2":
        detail = f"the tokenizer is of the kind `{model:.40}`; `gpt2` (byte-level BPE) can be read"
        raise _unsupported(metadata, detail)
    family = metadata.scalars.get("general.architecture")
    name = metadata.scalars.get("tokenizer.ggml.pre", "default")
    if name == "default" and family == "gpt2":
        return "gpt-2"  # files older than the key
    if not isinstance(name, str) or name not in _PRE_TOKENIZERS:
        known = ", ".join(_PRE_TOKENIZERS)
        detail = f"the pre-tokenizer is `{name!s:.40}`; those that can be read: {known}"
        raise _unsupported(metadata, detail)
    return name


def _token_types(metadata: GgufMetadata, num_tokens: int) -> list[int]:
    if "tokenizer.ggml.token_type" not in metadata.arrays:
        return [1] * num_tokens
    types = read_integers(metadata, "tokenizer.ggml.token_type")
    if len(types) != num_tokens:
        raise _corrupt(metadata, f"there are {num_tokens} tokens and {len(types)} types of them")
    return types


def _merge(metadata: GgufMetadata, merge: str, vocab: dict[str, int]) -> list[str]:
    """The two halves: a space parts them, and a token never begins with a second one."""
    left, _, right = merge.partition(" ")
    if left not in vocab or right not in vocab or left + right not in vocab:
        raise _corrupt(metadata, f"the merge `{merge:.80}` has a part that is no token")
    return [left, right]


def added_token(id: int, content: str, *, special: bool) -> dict[str, Any]:
    """An entry of tokenizer.json's `added_tokens`."""
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": id, "content": content, **flags, "special": special}


def _corrupt(metadata: GgufMetadata, detail: str) -> GgufError:
    return GgufError(metadata.path, GgufFaultKind.CORRUPT, f"the file is damaged: {detail}")


def _unsupported(metadata: GgufMetadata, detail: str) -> GgufError:
    help = "use the model's Hugging Face folder instead"
    return GgufError(metadata.path, GgufFaultKind.UNSUPPORTED, detail, help)
