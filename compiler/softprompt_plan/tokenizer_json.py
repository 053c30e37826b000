"""A parsed tokenizer.json, and its form that reads every text as plain text.

Data is opaque: `</s>` in a row is four characters, never the end of the row. Taking the special
tokens from the list of added tokens is not enough for that: their texts stand in the model's
vocabulary too, where merges (BPE) or the best path (Unigram) can find them. So there they get
names that no text can hold.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

# Marked as ordinary in some files, though it is a control token by its shape: <|fim_prefix|>
_CONTROL_SHAPE = re.compile("<[|\uff5c].*[|\uff5c]>", re.DOTALL)  # also DeepSeek's wide bars
_VOCABULARY_MODELS = ("BPE", "WordPiece", "WordLevel")


class TokenizerJsonError(ValueError):
    """A tokenizer.json without the parts that every such file has; says which."""


@dataclass(frozen=True, kw_only=True)
class TokenizerJson:
    """A tokenizer.json whose parts that are used here have been checked.

    ids: every token, added ones included -> its id.
    added: the added tokens as the file has them.
    special: the texts that only the tokenizer itself may turn into one token.
    """

    content: Mapping[str, Any]
    ids: Mapping[str, int]
    added: tuple[Mapping[str, Any], ...]
    special: frozenset[str]


def parse(content: Any, also_special: Iterable[str] = ()) -> TokenizerJson:
    """Check the content of a tokenizer.json. Raises TokenizerJsonError.

    also_special: texts that other files of the folder name as special tokens.
    """
    checked = _dict(content, "the file")
    model = _dict(checked.get("model"), "`model`")
    added = tuple(_added_token(token) for token in _list(checked.get("added_tokens") or []))
    vocab = _vocabulary(model)
    for key in ("unk_token", "continuing_subword_prefix"):
        if not isinstance(model.get(key), str | None):
            raise TokenizerJsonError(f"`{key}` is no text")
    ids = {token["content"]: token["id"] for token in added} | vocab  # as tokenizers resolves them
    named = {token["content"] for token in added if _is_special(token)} | set(also_special)
    special = frozenset(text for text in named if text in ids and len(text) > 1)
    return TokenizerJson(content=checked, ids=ids, added=added, special=special)


def plain_text_content(tokenizer: TokenizerJson) -> dict[str, Any]:
    """tokenizer.json content that gives the same ids, but reads no text as a special token.

    It adds nothing around a text, cuts nothing and pads nothing, and merges without chance.
    """
    hidden = {text: f"\0special:{tokenizer.ids[text]}" for text in tokenizer.special}
    kept = [token for token in tokenizer.added if token["content"] not in hidden]
    return {
        **tokenizer.content,
        "truncation": None,
        "padding": None,
        "post_processor": None,
        "added_tokens": kept,
        "model": _plain_model(tokenizer, hidden),
    }


def decoding_content(tokenizer: TokenizerJson) -> dict[str, Any]:
    """tokenizer.json content for turning ids into text: special tokens known by name."""
    return {**tokenizer.content, "truncation": None, "padding": None}


def _plain_model(tokenizer: TokenizerJson, hidden: Mapping[str, str]) -> dict[str, Any]:
    model: dict[str, Any] = dict(tokenizer.content["model"])
    if "unk_token" in model:
        model["unk_token"] = hidden.get(model["unk_token"], model["unk_token"])
    if _kind(model) == "Unigram":
        return model | {"vocab": _plain_pieces(tokenizer, hidden)}
    # Added tokens join the vocabulary under their ids, so that none moves up when another goes.
    model["vocab"] = {hidden.get(text, text): id for text, id in tokenizer.ids.items()}
    if "merges" in model:
        prefix = len(model.get("continuing_subword_prefix") or "")
        model["merges"] = [
            [left, right]
            for left, right in _pairs(model["merges"])
            if not (left + right[prefix:] in hidden or left in hidden or right in hidden)
        ]
    return model | ({"dropout": None} if "dropout" in model else {})


def _plain_pieces(tokenizer: TokenizerJson, hidden: Mapping[str, str]) -> list[list[Any]]:
    """Unigram's list, whose places are the ids. What fills it up changes no other piece's score."""
    pieces = cast("list[list[Any]]", tokenizer.content["model"]["vocab"])
    found = [[hidden.get(text, text), score] for text, score in pieces]
    lowest = min((score for _, score in found), default=0.0)
    texts = {id: text for text, id in tokenizer.ids.items()}
    for id in range(len(found), num_ids(tokenizer)):
        text = texts.get(id, f"\0none:{id}")
        found.append([hidden.get(text, text), lowest])
    return found


def num_ids(tokenizer: TokenizerJson) -> int:
    """One more than the highest id."""
    return max(tokenizer.ids.values(), default=-1) + 1


def _kind(model: Mapping[str, Any]) -> str:
    named = model.get("type")
    return named if isinstance(named, str) else "BPE" if "merges" in model else "Unigram"


def _vocabulary(model: Mapping[str, Any]) -> dict[str, int]:
    kind, vocab = _kind(model), model.get("vocab")
    if kind == "Unigram" and isinstance(vocab, list):
        pieces = cast("list[Any]", vocab)
        if all(_is_piece(piece) for piece in pieces):
            return {piece[0]: id for id, piece in enumerate(pieces)}
    elif kind in _VOCABULARY_MODELS and isinstance(vocab, dict):
        entries = cast("dict[str, Any]", vocab)
        if all(_is_id(id) for id in entries.values()):
            return entries
    else:
        raise TokenizerJsonError(f"there is no vocabulary for a model of the kind `{kind:.40}`")
    raise TokenizerJsonError("the vocabulary holds something that is no token")


def _is_piece(piece: Any) -> bool:
    if not isinstance(piece, list) or len(cast("list[Any]", piece)) != 2:
        return False
    text, score = cast("list[Any]", piece)
    return isinstance(text, str) and isinstance(score, int | float)


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 24


def _added_token(value: Any) -> Mapping[str, Any]:
    token = _dict(value, "an added token")
    if not isinstance(token.get("content"), str) or not _is_id(token.get("id")):
        raise TokenizerJsonError("an added token has no text or no id")
    return token


def _is_special(token: Mapping[str, Any]) -> bool:
    return token.get("special") is True or bool(_CONTROL_SHAPE.fullmatch(token["content"]))


def _pairs(merges: Any) -> Iterator[tuple[str, str]]:
    """The merges: `"a b"` in older files, ["a", "b"] in newer ones. There are 100,000 of them."""
    for merge in _list(merges):
        halves: Any = merge.split(" ") if isinstance(merge, str) else merge
        if isinstance(halves, list) and len(cast("list[Any]", halves)) == 2:
            left, right = cast("list[Any]", halves)
            if isinstance(left, str) and isinstance(right, str):
                yield left, right
                continue
        raise TokenizerJsonError("there is a merge that is no pair of tokens")


def _dict(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TokenizerJsonError(f"{name} is no object")
    return cast("dict[str, Any]", value)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TokenizerJsonError("there is something else where a list should be")
    return cast("list[Any]", value)
