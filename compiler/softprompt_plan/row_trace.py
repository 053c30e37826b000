"""Which characters of a record became which tokens of its row: for showing rows, not for training.

The texts of a row's pieces, one after another, are its template filled with the whole record.
Without those that were cut or gave no token, they are what the tokenizer read.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from softprompt_plan.encoding import RowFrame
from softprompt_plan.example import Example
from softprompt_plan.layout import Layout, Stretch
from softprompt_plan.tokenization import Encoding, TracingTokenizer


class PieceKind(StrEnum):
    """What a piece of a row is."""

    VIRTUAL = "virtual"  # neighbouring virtual tokens; these, BOS and EOS have no text
    BOS = "bos"
    EOS = "eos"
    TEXT = "text"  # tokens, and the characters that they came from
    CUT = "cut"  # text that a truncate field lost
    UNREAD = "unread"  # text without a token: spaces at the row's ends, characters not known


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One token with its text, or several that share a character.

    Text without ids goes on from the text before it: the place of a cut lies within a token.
    """

    kind: PieceKind
    text: str = ""
    ids: tuple[int, ...] = ()
    in_loss: bool = False
    field: str | None = None  # what the text was cut from


def trace_row(
    frame: RowFrame, record: Mapping[str, object], example: Example, tokenizer: TracingTokenizer
) -> tuple[Piece, ...]:
    """The pieces of an example in order; their ids, one after another, are its `input_ids`.

    frame: of the encoder that made the example, for a prompt if it is one.
    record: what the example was made of. A field that it lacks was empty.
    """
    ids, mask = example.input_ids, example.loss_mask
    at, end = len(frame.bos), len(ids) - len(frame.eos)
    pieces = [_special(PieceKind.BOS, token, mask[0]) for token in frame.bos]
    for number, part in enumerate(frame.layout.whole.parts):
        if isinstance(part, Stretch):
            stop = next((stop for stop in range(at, end) if ids[stop] < 0), end)
            text = _Text(part, _prompt_stretch(frame.layout.prompt, number), record, example)
            pieces += text.pieces(tokenizer, ids[at:stop], mask[at:stop])
            at = stop
        else:
            pieces.append(Piece(kind=PieceKind.VIRTUAL, ids=part))
            at += len(part)
    return (*pieces, *(_special(PieceKind.EOS, token, mask[-1]) for token in frame.eos))


def _special(kind: PieceKind, token: int, in_loss: bool) -> Piece:
    return Piece(kind=kind, ids=(token,), in_loss=in_loss)


def _prompt_stretch(prompt: Layout | None, number: int) -> Stretch | None:
    """The prompt's part of a row's part, if the prompt ends in it."""
    last = prompt.parts[-1] if prompt and len(prompt.parts) == number + 1 else None
    return last if isinstance(last, Stretch) else None


class _Text:
    """A stretch of a row, filled with what was kept of the record."""

    def __init__(
        self,
        stretch: Stretch,
        prompt: Stretch | None,
        record: Mapping[str, object],
        example: Example,
    ) -> None:
        spans = {
            field: span for (field, _), span in zip(example.cut, example.cut_spans, strict=True)
        }
        self._values: dict[str, str] = {}
        self._cuts: list[tuple[int, Piece]] = []  # by the place in `_filled` where each stood
        self._filled = ""
        for is_field, piece in stretch.pieces:
            text = str(record.get(piece, "")) if is_field else piece
            if is_field and piece in spans:
                start, end = spans[piece]
                lost = Piece(kind=PieceKind.CUT, text=text[start:end], field=piece)
                self._cuts.append((len(self._filled) + start, lost))
                text = text[:start] + text[end:]
            if is_field:
                self._values[piece] = text
            self._filled += text
        self._whole = stretch.text(self._values)
        self._prompt = prompt.text(self._values) if prompt else ""

    def pieces(
        self, tokenizer: TracingTokenizer, ids: Sequence[int], mask: Sequence[bool]
    ) -> list[Piece]:
        runs = self._runs(tokenizer, ids)
        read = "".join(text for text, _ in runs)
        begin = self._filled.index(read)  # where it begins: what was trimmed off is a space
        pieces = [_unread(self._filled[:begin])]
        at = 0
        for text, encoding in runs:
            pieces += _run_pieces(text, encoding, mask[at : at + len(encoding.ids)])
            at += len(encoding.ids)
        pieces.append(_unread(self._filled[begin + len(read) :]))
        return list(_with_cuts([piece for piece in pieces if piece.text or piece.ids], self._cuts))

    def _runs(self, tokenizer: TracingTokenizer, ids: Sequence[int]) -> list[tuple[str, Encoding]]:
        """The texts that were tokenized: the whole, or the prompt and what continues it."""
        whole = tokenizer.encode_batch([self._whole])[0]
        if tuple(whole.ids) == tuple(ids):
            return [(self._whole, whole)]
        before, after = self._prompt, self._whole.removeprefix(self._prompt)
        if not self._whole.startswith(before):  # its last white space was trimmed from the whole
            after = ""
        prompt, answer = tokenizer.encode_batch([before])[0], tokenizer.trace_continuation(after)
        return [(before, prompt), (after, answer)]


def _unread(text: str) -> Piece:
    return Piece(kind=PieceKind.UNREAD, text=text)


def _run_pieces(text: str, encoding: Encoding, mask: Sequence[bool]) -> Iterator[Piece]:
    """The tokens of a text. White space that no token claims belongs to the token behind it."""
    piece: Piece | None = None
    done = 0
    for token, (first, last), in_loss in zip(encoding.ids, encoding.offsets, mask, strict=True):
        start, end = min(max(first, done), len(text)), min(max(last, done), len(text))
        shares = first < done or (piece is not None and not piece.text)
        if piece is not None and shares and piece.in_loss == in_loss:
            piece = replace(piece, text=piece.text + text[done:end], ids=(*piece.ids, token))
        else:
            if piece is not None:
                yield piece
            if not text[done:start].isspace():
                yield _unread(text[done:start])
                done = start
            piece = Piece(kind=PieceKind.TEXT, text=text[done:end], ids=(token,), in_loss=in_loss)
        done = end
    if piece is not None and not piece.text and text[done:].isspace():
        piece, done = replace(piece, text=text[done:]), len(text)
    if piece is not None:
        yield piece
    yield _unread(text[done:])


def _with_cuts(pieces: Sequence[Piece], cuts: Sequence[tuple[int, Piece]]) -> Iterator[Piece]:
    """Put cut text back in its place."""
    waiting = list(cuts)
    done = 0
    for piece in pieces:
        rest = piece
        while waiting and waiting[0][0] < done + len(rest.text):
            place, lost = waiting.pop(0)
            if place > done:
                yield replace(rest, text=rest.text[: place - done])
                rest = replace(rest, text=rest.text[place - done :], ids=())
                done = place
            yield lost
        done += len(rest.text)
        yield rest
    yield from (lost for _, lost in waiting)
