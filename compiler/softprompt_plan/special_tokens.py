"""Special tokens as the side files of a Hugging Face tokenizer name them."""

from collections.abc import Mapping
from typing import Any, cast


def special_texts(named: Mapping[str, Any]) -> frozenset[str]:
    """Every text that tokenizer_config.json or special_tokens_map.json names as special."""
    values = [value for key, value in named.items() if key.endswith("_token")]
    for key in ("additional_special_tokens", "extra_special_tokens"):
        listed = named.get(key)
        if isinstance(listed, dict):
            values += cast("dict[str, Any]", listed).values()
        elif isinstance(listed, list):
            values += cast("list[Any]", listed)
    values += [token for _, token in _by_id(named) if token.get("special") is True]
    return frozenset(text for text in map(_text_of, values) if text is not None)


def added_ids(named: Mapping[str, Any]) -> dict[str, int]:
    """Text -> id of the tokens in tokenizer_config.json's `added_tokens_decoder`."""
    pairs = [(_text_of(token), id) for id, token in _by_id(named)]
    return {text: id for text, id in pairs if text is not None}


def special_id(
    name: str,
    ids: Mapping[str, int],
    named: Mapping[str, Any],
    configs: tuple[Mapping[str, Any], ...],
) -> int | None:
    """The id of `bos` or `eos`, by the tokenizer's own word for it, else by the model's configs."""
    key = f"{name}_token"
    text = _text_of(named.get(key))
    if text is not None and text in ids:
        return ids[text]
    # A tokenizer that says it has no BOS is believed. A row has to end, so EOS is looked for.
    if name == "bos" and key in named and named[key] is None:
        return None
    for config in configs:
        value = config.get(f"{key}_id")
        first = cast("list[Any]", value)[0] if isinstance(value, list) and value else value
        if isinstance(first, int) and not isinstance(first, bool):
            return first
    return None


def _by_id(named: Mapping[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    decoder = named.get("added_tokens_decoder")
    entries = cast("dict[str, Any]", decoder).items() if isinstance(decoder, dict) else ()
    return [(int(id), token) for id, token in entries if id.isdecimal() and isinstance(token, dict)]


def _text_of(value: Any) -> str | None:
    """A token as these files write it: its text, or an object with `content`."""
    if isinstance(value, dict):
        value = cast("dict[str, Any]", value).get("content")
    return value if isinstance(value, str) else None
