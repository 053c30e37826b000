"""The tokenizer of a model folder or a GGUF file, as text for the `tokenizers` library.

Compiler and runtime read it here, so both count the same tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from softprompt_plan import tokenizer_json
from softprompt_plan.gguf import GgufError, GgufMetadata, read_metadata
from softprompt_plan.gguf_tokenizer import gguf_tokenizer
from softprompt_plan.gpt2_tokenizer import SPECIAL_TOKENS, WRITE_TOKENIZER_JSON, gpt2_tokenizer
from softprompt_plan.serialize import digest_of
from softprompt_plan.special_tokens import special_id, special_texts
from softprompt_plan.tokenizer_fault import (
    TokenizerError,
    TokenizerFaultKind,
    read_json,
    read_json_object,
)
from softprompt_plan.tokenizer_json import TokenizerJson, TokenizerJsonError

__all__ = ["TokenizerError", "TokenizerFaultKind", "TokenizerFile", "read_tokenizer"]


@dataclass(frozen=True, kw_only=True)
class TokenizerFile:
    """A tokenizer.

    encode_json: tokenizer.json text that turns data into ids and reads none of it as a special
    token; it adds nothing around a text, cuts nothing and pads nothing.
    decode_json: tokenizer.json text that turns ids into text and knows the special tokens.
    vocab_size: one more than the highest id; the model's own may be larger.
    digest: sha256 over all that decides about ids.
    """

    encode_json: str
    decode_json: str
    bos_id: int | None
    eos_id: int | None
    vocab_size: int
    digest: str


def read_tokenizer(path: Path) -> TokenizerFile:
    """The tokenizer of a Hugging Face folder (tokenizer.json, or GPT-2's vocab.json and
    merges.txt) or of a GGUF file. Raises TokenizerError.
    """
    try:
        return _read_folder(path) if path.is_dir() else _read_gguf(path)
    except GgufError as error:
        kind = TokenizerFaultKind.UNSUPPORTED
        raise TokenizerError(path, kind, error.detail, error.help) from None
    except TokenizerJsonError as error:
        detail = f"the tokenizer's files cannot be used: {error}"
        raise TokenizerError(path, TokenizerFaultKind.BROKEN, detail) from None


def _read_gguf(path: Path) -> TokenizerFile:
    metadata = read_metadata(path)
    tokenizer = tokenizer_json.parse(gguf_tokenizer(metadata))
    return _tokenizer_file(tokenizer, _gguf_id(metadata, "bos"), _gguf_id(metadata, "eos"))


def _gguf_id(metadata: GgufMetadata, name: str) -> int | None:
    key = f"tokenizer.ggml.{name}_token_id"
    return metadata.integer(key) if key in metadata.scalars else None


def _read_folder(folder: Path) -> TokenizerFile:
    named = read_json_object(folder / "special_tokens_map.json")
    named |= read_json_object(folder / "tokenizer_config.json")
    config = read_json_object(folder / "config.json")
    configs = (read_json_object(folder / "generation_config.json"), config)
    if (folder / "tokenizer.json").is_file():
        content: Any = read_json(folder / "tokenizer.json")
    elif (folder / "vocab.json").is_file() and (folder / "merges.txt").is_file():
        named = SPECIAL_TOKENS | named
        content = gpt2_tokenizer(folder, named, config.get("model_type"), special_texts(named))
    else:
        raise _no_tokenizer(folder)
    return _tokenizer_of(content, named, configs)


def _tokenizer_of(
    content: Any, named: Mapping[str, Any], configs: tuple[Mapping[str, Any], ...]
) -> TokenizerFile:
    tokenizer = tokenizer_json.parse(content, special_texts(named))
    bos_id = special_id("bos", tokenizer.ids, named, configs)
    return _tokenizer_file(tokenizer, bos_id, special_id("eos", tokenizer.ids, named, configs))


def _tokenizer_file(
    tokenizer: TokenizerJson, bos_id: int | None, eos_id: int | None
) -> TokenizerFile:
    encode_json = json.dumps(tokenizer_json.plain_text_content(tokenizer))
    decode_json = json.dumps(tokenizer_json.decoding_content(tokenizer))
    vocab_size = tokenizer_json.num_ids(tokenizer)
    bos_id = bos_id if bos_id is not None and 0 <= bos_id < vocab_size else None
    eos_id = eos_id if eos_id is not None and 0 <= eos_id < vocab_size else None
    parts = (encode_json, decode_json, repr((bos_id, eos_id)))
    return TokenizerFile(
        encode_json=encode_json,
        decode_json=decode_json,
        bos_id=bos_id,
        eos_id=eos_id,
        vocab_size=vocab_size,
        digest=digest_of(part.encode() for part in parts),
    )


def _no_tokenizer(folder: Path) -> TokenizerError:
    if (folder / "tokenizer.model").is_file():
        detail = "the folder has only tokenizer.model (SentencePiece), no tokenizer.json"
        kind = TokenizerFaultKind.UNSUPPORTED
        return TokenizerError(folder, kind, detail, WRITE_TOKENIZER_JSON)
    detail = "the folder has no tokenizer.json, and no vocab.json with merges.txt"
    help = "copy the tokenizer's files from where the model comes from"
    return TokenizerError(folder, TokenizerFaultKind.NONE_THERE, detail, help)
