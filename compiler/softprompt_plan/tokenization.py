"""Text -> token ids, by a tokenizer that is handed in: no tokenizer library is imported here."""
# ruff: noqa: D102 - what is used of a library's object is described by the library

import json
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, cast, final

from softprompt_plan.token_borders import border_proof, steps


class Encoding(Protocol):
    """Token ids of one text, and for each the characters [start, end) it came from.

    Starts never decrease. The tokens of a character that takes several share its offsets, or stand
    empty before the last of them.
    """

    @property
    def ids(self) -> Sequence[int]:
        """The token ids."""
        ...

    @property
    def offsets(self) -> Sequence[tuple[int, int]]:
        """Start and end character of each token."""
        ...


class Tokenizer(Protocol):
    """What rows are encoded with. It adds no BOS or EOS and reads no text as a special token."""

    @property
    def bos_id(self) -> int | None:
        """Begin of sequence, None if the model has none."""
        ...

    @property
    def eos_id(self) -> int | None:
        """End of sequence, None if the model has none."""
        ...

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Encoding]:
        """The encoding of each text, in order."""
        ...

    def encode_continuation(self, text: str) -> list[int]:
        """The ids of text that goes on where other text stopped: no dummy prefix is added."""
        ...

    def keeps_border(self, before: str, after: str, /) -> bool:
        """Whether no token over the border proves that `before` has these ids alone too.

        Neither text is empty. False is always a right answer, and costs a second encoding.
        """
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens written out."""
        ...


class TracingTokenizer(Tokenizer, Protocol):
    """A tokenizer that also says where the tokens of a continuation lie: for showing rows."""

    def trace_continuation(self, text: str) -> Encoding:
        """The ids of `encode_continuation`, and the characters that they came from."""
        ...


class IndexedEncoding(Protocol):
    """A `tokenizers.Encoding`, which finds a token without listing all offsets."""

    def char_to_token(self, char_pos: int, /) -> int | None: ...

    def token_to_chars(self, token_index: int, /) -> tuple[int, int] | None: ...


def tokens_before(encoding: Encoding, position: int) -> int | None:
    """Number of tokens before a character position, None if a token lies across it."""
    if hasattr(encoding, "char_to_token"):
        indexed = cast(IndexedEncoding, encoding)
        token = indexed.char_to_token(position)
        span = None if token is None else indexed.token_to_chars(token)
        if span is not None:
            return token if span[0] == position else None
    offsets = encoding.offsets
    count = bisect_left(offsets, (position,))
    if count and offsets[count - 1][1] > position:
        return None
    return count


class TokenizersBackend(Protocol):
    """What is used of a `tokenizers.Tokenizer`, whose own pages describe it."""

    @classmethod
    def from_str(cls, json: str, /) -> Self: ...

    def to_str(self, pretty: bool = False) -> str: ...

    def encode_batch(
        self, input: Any, is_pretokenized: bool = False, add_special_tokens: bool = True
    ) -> Sequence[Encoding]: ...

    def decode(self, ids: Any, skip_special_tokens: bool = True) -> str: ...


@final
class FastTokenizer:
    """A `tokenizers.Tokenizer` without added tokens, so that data cannot write special ones.

    decoder: a backend that knows the special tokens too; by default the one that encodes.
    digest: of all that decides about ids (`TokenizerFile.digest`), where that is known.
    """

    def __init__(
        self,
        backend: TokenizersBackend,
        bos_id: int | None,
        eos_id: int | None,
        decoder: TokenizersBackend | None = None,
        digest: str | None = None,
    ) -> None:
        self.bos_id = bos_id
        self.eos_id = eos_id
        self.digest = digest
        self._backend = backend
        self._decoder = decoder or backend
        spec = json.loads(backend.to_str())
        self._proof = border_proof(spec)
        self._continues = backend
        if _drop_dummy_prefix(spec):
            self._continues = type(backend).from_str(json.dumps(spec))

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Encoding]:
        """See `Tokenizer`."""
        return self._backend.encode_batch(texts, add_special_tokens=False)

    def encode_continuation(self, text: str) -> list[int]:
        """See `Tokenizer`."""
        return list(self.trace_continuation(text).ids)

    def trace_continuation(self, text: str) -> Encoding:
        """See `TracingTokenizer`."""
        return self._continues.encode_batch([text], add_special_tokens=False)[0]

    def keeps_border(self, before: str, after: str, /) -> bool:
        """See `Tokenizer`."""
        return self._proof.holds(before, after)

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer`."""
        return self._decoder.decode(list(ids), skip_special_tokens=False)


class SentencePieceBackend(Protocol):
    """What is used of a `sentencepiece.SentencePieceProcessor`, whose own pages describe it."""

    def __init__(self, *, model_proto: bytes) -> None: ...

    def serialized_model_proto(self) -> bytes: ...

    def encode(self, input: Any, *, return_type: Any) -> Any: ...

    def decode(self, input: Any) -> str: ...

    def bos_id(self) -> int: ...

    def eos_id(self) -> int: ...


@final
@dataclass(frozen=True)
class PieceEncoding:
    """An `Encoding` in plain lists."""

    ids: Sequence[int]
    offsets: Sequence[tuple[int, int]]


@final
class SentencePieceTokenizer:
    """A SentencePiece model. Control pieces are never read from text: the library sees to that."""

    def __init__(self, processor: SentencePieceBackend) -> None:
        self.bos_id = _id_or_none(processor.bos_id())
        self.eos_id = _id_or_none(processor.eos_id())
        self._processor = processor
        # A protobuf message that stands twice is merged: normalizer_spec.add_dummy_prefix = false.
        without_prefix = processor.serialized_model_proto() + b"\x1a\x02\x18\x00"
        self._continues = type(processor)(model_proto=without_prefix)
        # Models that shorten runs of spaces would drop the one that begins a continuation.
        self._drops_spaces = not self._continues.encode(" ", return_type=int)

    def encode_batch(self, texts: Sequence[str]) -> Sequence[Encoding]:
        """See `Tokenizer`."""
        found = self._processor.encode(list(texts), return_type="offset_mapping")
        return [PieceEncoding(item["ids"], item["offsets"]) for item in found]

    def encode_continuation(self, text: str) -> list[int]:
        """See `Tokenizer`."""
        return list(self._continuing(text).encode(text, return_type=int))

    def trace_continuation(self, text: str) -> Encoding:
        """See `TracingTokenizer`."""
        found = self._continuing(text).encode(text, return_type="offset_mapping")
        return PieceEncoding(found["ids"], found["offsets"])

    def _continuing(self, text: str) -> SentencePieceBackend:
        # Such a model turns all white space into one space, and the dummy prefix is that space.
        spaced = self._drops_spaces and text[:1].isspace()
        return self._processor if spaced else self._continues

    def keeps_border(self, before: str, after: str, /) -> bool:
        """Never: a normalized character's pieces do not all carry its offsets."""
        return False

    def decode(self, ids: Sequence[int]) -> str:
        """See `Tokenizer`."""
        return self._processor.decode(list(ids))


def _id_or_none(piece_id: int) -> int | None:
    return piece_id if piece_id >= 0 else None


def _drop_dummy_prefix(spec: dict[str, Any]) -> bool:
    """Edit a tokenizer.json so that it puts nothing before a text. Whether anything was edited."""
    parts = ("pre_tokenizer", "normalizer")
    before = json.dumps([spec.get(part) for part in parts])
    for step in steps(spec.get("pre_tokenizer"), "pretokenizers"):
        if step["type"] == "Metaspace":
            step["prepend_scheme"] = "never"
            step.pop("add_prefix_space", None)
        elif step["type"] == "ByteLevel":
            step["add_prefix_space"] = False
    normalizers = steps(spec.get("normalizer"), "normalizers")
    for step in normalizers:
        if step["type"] == "Strip":
            step["strip_left"] = False
    if any(step["type"] == "Prepend" for step in normalizers):
        kept = [step for step in normalizers if step["type"] != "Prepend"]
        spec["normalizer"] = {"type": "Sequence", "normalizers": kept}
    return json.dumps([spec.get(part) for part in parts]) != before
