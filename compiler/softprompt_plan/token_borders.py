"""Where a tokenizer's make proves that text has the same ids alone as with more text after it.

`docs/templates.md` gives the argument.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BorderProof:
    """What a tokenizer.json says about ids on both sides of a border that no token crosses."""

    local: bool  # model and normalizer work from the left, character by character
    merges_only: bool  # a word's ids come from its merges or pieces alone
    splits_at_space: bool  # a space after a word always begins the next word
    normalizes: bool  # a character may be joined to the one before it
    dropped: re.Pattern[str] | None  # characters without a token, behind which offsets are wrong

    def holds(self, before: str, after: str) -> bool:
        """Whether `before` alone has the ids that it has in `before + after`."""
        last, first = before[-1], after[0]
        if not self.local or last.isspace() or (self.dropped and self.dropped.search(before)):
            return False
        if first == " ":
            return self.splits_at_space or self.merges_only
        joins = first > "\x7f" and self.normalizes
        sign = unicodedata.category(last)[0] in "PS" and last not in "'\u2019"
        return sign and not joins and self.merges_only


_SPACE_SPLITTERS = {"Whitespace", "WhitespaceSplit", "BertPreTokenizer"}
_PRE_TOKENIZERS = {*_SPACE_SPLITTERS, "ByteLevel", "Metaspace", "Digits", "Punctuation"}
_NORMALIZERS = {"NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Precompiled"}
_LAST_SPACE = r"\s+(?!\S)"  # in the pattern of GPT-2 and all that come from it
_LOOKS_AROUND = re.compile(r"\(\?(?:[=!]|<[=!])|\\[bBzZG]|(?<![\\\[])[$^]")


def border_proof(spec: Mapping[str, Any]) -> BorderProof:
    """What is known of the tokenizer of a tokenizer.json."""
    model = spec["model"]
    words = steps(spec.get("pre_tokenizer"), "pretokenizers")
    normalizers = steps(spec.get("normalizer"), "normalizers")
    changes = {step["type"] for step in normalizers if not _puts_one_for_one(step)}
    dropped = _dropped_characters(model, words, normalizes=bool(changes))
    return BorderProof(
        local=model["type"] in ("BPE", "Unigram")
        and not model.get("dropout")
        and all(step["type"] in _PRE_TOKENIZERS or _splits_locally(step) for step in words)
        and changes <= _NORMALIZERS,
        merges_only=not model.get("ignore_merges"),
        splits_at_space=any(map(_splits_at_space, words)),
        normalizes=bool(changes),
        dropped=re.compile(dropped) if dropped else None,
    )


def _dropped_characters(
    model: Mapping[str, Any], words: Sequence[Mapping[str, Any]], *, normalizes: bool
) -> str:
    """A pattern of at least the characters for which a model has no token, "" if it has all.

    The library leaves them out, and counts the offsets of the rest of the word too low.
    """
    if model["type"] != "BPE" or model.get("unk_token") or model.get("byte_fallback"):
        return ""
    if not any(step["type"] == "ByteLevel" for step in words):
        return r"[\s\S]"
    missing = {byte for byte in range(256) if _byte_letters()[byte] not in model["vocab"]}
    ranges = [_range_of(byte) for byte in sorted(missing - _NEVER_IN_UTF8)]
    if ranges and normalizes:  # a character may become one that is missing
        ranges.append("\x80-\U0010ffff")
    return f"[{''.join(ranges)}]" if ranges else ""


_NEVER_IN_UTF8 = {0xC0, 0xC1, *range(0xF5, 0x100)}


def _byte_letters() -> list[str]:
    """The letter that byte-level models write for each byte: GPT-2's table."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]


def _range_of(byte: int) -> str:
    """The characters that have this byte in UTF-8, or more of them, for a character class."""
    if byte < 0x80:
        first = last = byte
    elif byte < 0xC0:  # stands within characters of all kinds
        first, last = 0x80, 0x10FFFF
    elif byte < 0xE0:
        first, last = (byte & 0x1F) << 6, (byte & 0x1F) << 6 | 0x3F
    elif byte < 0xF0:
        first, last = max((byte & 0xF) << 12, 0x800), (byte & 0xF) << 12 | 0xFFF
    else:
        first, last = max((byte & 7) << 18, 0x10000), min((byte & 7) << 18 | 0x3FFFF, 0x10FFFF)
    return f"{re.escape(chr(first))}-{re.escape(chr(last))}"


def _splits_locally(step: Mapping[str, Any]) -> bool:
    """Whether a word's begin depends on nothing behind its first character but the word itself."""
    if step["type"] != "Split":
        return False
    pattern = step["pattern"]
    return "String" in pattern or not _LOOKS_AROUND.search(
        pattern["Regex"].replace(_LAST_SPACE, "")
    )


def _splits_at_space(step: Mapping[str, Any]) -> bool:
    if step["type"] == "Split":
        isolated = step["behavior"] == "Isolated" and not step["invert"]
        return isolated and _LAST_SPACE in step["pattern"].get("Regex", "")
    return step["type"] in _SPACE_SPLITTERS or (
        step["type"] == "ByteLevel" and step.get("use_regex", True)
    )


def _puts_one_for_one(step: Mapping[str, Any]) -> bool:
    """Whether a normalizer leaves all but the text's begin character by character."""
    if step["type"] == "Replace":
        return len(step["pattern"].get("String", "")) == 1
    return step["type"] == "Prepend"


def steps(step: Mapping[str, Any] | None, children: str) -> list[Any]:
    """A normalizer or pre-tokenizer as the flat list of its steps."""
    if step is None:
        return []
    if step["type"] != "Sequence":
        return [step]
    return [leaf for child in step[children] for leaf in steps(child, children)]
