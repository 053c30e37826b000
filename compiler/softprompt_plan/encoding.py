"""Filled layouts -> token ids, with the answer's first token exact.

The law: the ids of the prompt, encoded alone as at inference, begin the ids of the whole row. So
the model is trained on the very prompts that it will be asked. `docs/templates.md` says what this
means for tokens that would lie across the border of prompt and answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from softprompt_plan.layout import Layout, Stretch, Values
from softprompt_plan.tokenization import Encoding, Tokenizer, tokens_before


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedRow:
    """The ids of a row, part by part, without BOS and EOS."""

    parts: tuple[Sequence[int], ...]
    encodings: tuple[Encoding | None, ...]  # of the stretches; None for runs of virtual tokens
    answer_start: int | None  # tokens before the answer; None if the layout has no answer

    @property
    def num_tokens(self) -> int:
        """Text and virtual tokens."""
        return sum(map(len, self.parts))


@dataclass(frozen=True, kw_only=True)
class RowLayout:
    """A whole row, and its prompt: what stands before the answer, None if there is no answer.

    The prompt's parts are the row's first parts; its last stretch may be only the begin of one.
    """

    whole: Layout
    prompt: Layout | None


@dataclass(frozen=True, kw_only=True)
class RowFrame:
    """What the rows of a task have in common: their layout, and the tokens around it."""

    layout: RowLayout
    bos: tuple[int, ...]
    eos: tuple[int, ...]


def encode_rows(
    layout: RowLayout, tokenizer: Tokenizer, rows: Sequence[Values]
) -> list[EncodedRow]:
    """Encode rows together."""
    stretches = [part for part in layout.whole.parts if isinstance(part, Stretch)]
    texts = [stretch.text(values) for values in rows for stretch in stretches]
    encodings = iter(tokenizer.encode_batch(texts))
    encoded: list[EncodedRow] = []
    for _ in rows:
        found = [next(encodings) if isinstance(p, Stretch) else None for p in layout.whole.parts]
        parts = zip(layout.whole.parts, found, strict=True)
        ids = tuple(part if isinstance(part, tuple) else e.ids if e else () for part, e in parts)
        encoded.append(EncodedRow(parts=ids, encodings=tuple(found), answer_start=None))
    if layout.prompt is None:
        return encoded
    return _find_answers(layout.whole, layout.prompt, tokenizer, rows, encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Border:
    """The stretch in which the prompt ends and the answer begins."""

    part: int
    prompt: str
    whole: str

    @property
    def answer(self) -> str:
        """What follows the prompt's text."""
        # White space that only the prompt has was trimmed from a row whose answer is empty.
        return self.whole[len(self.prompt) :] if self.whole.startswith(self.prompt) else ""


def _find_answers(
    whole: Layout,
    prompt: Layout,
    tokenizer: Tokenizer,
    rows: Sequence[Values],
    encoded: list[EncodedRow],
) -> list[EncodedRow]:
    last = prompt.parts[-1] if prompt.parts else None
    if not isinstance(last, Stretch):
        return [_with_answer(row, len(prompt.parts), 0) for row in encoded]
    part = len(prompt.parts) - 1
    stretch = whole.parts[part]
    assert isinstance(stretch, Stretch)
    unproven: dict[int, _Border] = {}
    for at, (values, row) in enumerate(zip(rows, encoded, strict=True)):
        border = _Border(part=part, prompt=last.text(values), whole=stretch.text(values))
        count = _proven_count(border, row, tokenizer)
        if count is None:
            unproven[at] = border
        else:
            encoded[at] = _with_answer(row, part, count)
    return _prove(tokenizer, encoded, unproven) if unproven else encoded


def _proven_count(border: _Border, row: EncodedRow, tokenizer: Tokenizer) -> int | None:
    """Tokens of the prompt in its stretch, if they need no second look."""
    encoding = row.encodings[border.part]
    assert encoding is not None
    if not border.prompt:
        return 0
    if border.prompt == border.whole:
        return len(row.parts[border.part])
    if not border.answer or not tokenizer.keeps_border(border.prompt, border.answer):
        return None
    return tokens_before(encoding, len(border.prompt))


def _prove(
    tokenizer: Tokenizer, encoded: list[EncodedRow], borders: Mapping[int, _Border]
) -> list[EncodedRow]:
    """Encode the prompts too. Where the row's ids do not go on from them, make them so."""
    prompts = tokenizer.encode_batch([border.prompt for border in borders.values()])
    for (at, border), encoding in zip(borders.items(), prompts, strict=True):
        row, ids = encoded[at], list(encoding.ids)
        if list(row.parts[border.part][: len(ids)]) != ids:
            joined = ids + tokenizer.encode_continuation(border.answer)
            parts = (*row.parts[: border.part], joined, *row.parts[border.part + 1 :])
            row = replace(row, parts=parts)
        encoded[at] = _with_answer(row, border.part, len(ids))
    return encoded


def _with_answer(row: EncodedRow, part: int, count: int) -> EncodedRow:
    """The answer starts `count` tokens into a part."""
    start = sum(map(len, row.parts[:part])) + count
    return EncodedRow(parts=row.parts, encodings=row.encodings, answer_start=start)
