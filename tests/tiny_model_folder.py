"""A random tiny model as a Hugging Face folder, with a tokenizer of single bytes."""

import json
from pathlib import Path
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

from tests.tiny_models import tiny_hf_model

_SPECIAL = ["<unk>", "<s>", "</s>"]


def write_tiny_model(
    folder: Path,
    model_type: str = "llama",
    *,
    max_position_embeddings: int = 128,
    **changes: Any,
) -> None:
    """Write a random model of 3 layers; one byte of text is one token. BOS is 1, EOS is 2."""
    vocabulary = [*_SPECIAL, *sorted(ByteLevel.alphabet())]
    model = tiny_hf_model(
        model_type,
        vocab_size=len(vocabulary),
        max_position_embeddings=max_position_embeddings,
        **changes,
    )
    model.save_pretrained(folder)
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(vocabulary)), "utf-8")
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "unk_token": _SPECIAL[0],
        "bos_token": _SPECIAL[1],
        "eos_token": _SPECIAL[2],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config), "utf-8")


def _tokenizer(vocabulary: list[str]) -> dict[str, Any]:
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {
                "id": index,
                "content": token,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
                "special": True,
            }
            for index, token in enumerate(_SPECIAL)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level | {"use_regex": False},
        "post_processor": None,
        "decoder": byte_level | {"use_regex": False},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {piece: index for index, piece in enumerate(vocabulary)},
            "merges": [],
        },
    }
