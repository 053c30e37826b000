"""GPT-2's two tokenizer files, vocab.json and merges.txt, as the content of a tokenizer.json."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from softprompt_plan.gguf_tokenizer import added_token, byte_level
from softprompt_plan.special_tokens import added_ids
from softprompt_plan.tokenizer_fault import (
    TokenizerError,
    TokenizerFaultKind,
    read_json_object,
    read_text,
)

SPECIAL_TOKENS = dict.fromkeys(("bos_token", "eos_token", "unk_token"), "<|endoftext|>")
_CLASSES = ("GPT2Tokenizer", "GPT2TokenizerFast")
_FAMILIES = ("gpt2", "gpt_neo", "gptj")
WRITE_TOKENIZER_JSON = (
    "write the missing tokenizer.json: in Python, with transformers, "
    "`AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)`"
)


def gpt2_tokenizer(
    folder: Path, named: Mapping[str, Any], family: object, special: frozenset[str]
) -> dict[str, Any]:
    """The content of a tokenizer.json for the folder's vocab.json and merges.txt.

    named: what its tokenizer_config.json says. family: the model_type of its config.json, if any.
    special: texts that are special tokens. Raises TokenizerError for another tokenizer's files:
    the two do not say how text is split before merging.
    """
    tokenizer_class = named.get("tokenizer_class")
    family = family if tokenizer_class is None else None
    if tokenizer_class not in (None, *_CLASSES) or family not in (None, *_FAMILIES):
        kind = TokenizerFaultKind.UNSUPPORTED
        other = f"{tokenizer_class or family!s:.60}"
        detail = f"vocab.json and merges.txt are read as GPT-2's only; these are for `{other}`"
        raise TokenizerError(folder, kind, detail, WRITE_TOKENIZER_JSON)
    lines = (line.rstrip("\r") for line in read_text(folder / "merges.txt").split("\n"))
    vocab = read_json_object(folder / "vocab.json")
    added = _added_ids(folder, named, vocab, special)
    add_prefix_space = named.get("add_prefix_space") is True
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            added_token(id, text, special=text in special) for text, id in added.items()
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level(use_regex=True, add_prefix_space=add_prefix_space),
        "post_processor": None,
        "decoder": byte_level(use_regex=True),
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "vocab": vocab,
            "merges": [line for line in lines if line and not line.startswith("#version")],
        },
    }


def _added_ids(
    folder: Path, named: Mapping[str, Any], vocab: Mapping[str, Any], special: frozenset[str]
) -> dict[str, Any]:
    """Added token -> id: the vocabulary's special ones, and those that stand outside of it."""
    found = {text: vocab[text] for text in sorted(special) if text in vocab}
    return found | read_json_object(folder / "added_tokens.json") | added_ids(named)
