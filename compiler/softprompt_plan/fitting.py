"""Rows that are too long lose text of their truncate fields: no more than they must.

A field is cut where a token of the full row begins, never within a character or between a letter
and its combining marks. Then the row is encoded again, so that its ids are those of the text it
still has. Of the possible cuts the smallest that fits is taken: with the next smaller one the row
would still be too long.
"""

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias, final

from softprompt_plan.encoding import EncodedRow
from softprompt_plan.layout import Layout, Stretch, Values
from softprompt_plan.vocabulary import TruncateSide

_GUESSES = 3  # rounds of a search before it halves what is left


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Characters [start, end) of a field's text, left out of the row."""

    field: str
    num_tokens: int  # of the full row
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A row after cutting. It fits if its `num_tokens` is at most the limit."""

    row: EncodedRow
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, kw_only=True)
class CutRule:
    """What may be cut. limit: tokens of a row, without BOS and EOS."""

    limit: int
    fields: tuple[str, ...]  # in order of sacrifice: each is emptied before the next is touched
    side: TruncateSide


# A search asks for rows to be encoded, and is sent them.
_Search: TypeAlias = Generator[list[Values], list[EncodedRow], Fitted]


def fit_rows(
    rule: CutRule,
    layout: Layout,
    encode: Callable[[Sequence[Values]], list[EncodedRow]],
    rows: Mapping[int, tuple[Values, EncodedRow]],
) -> dict[int, Fitted]:
    """Cut rows, given by number, that are too long. All searches move on together, in batches."""
    found: dict[int, Fitted] = {}
    searches = {at: _search(rule, layout, values, row) for at, (values, row) in rows.items()}
    answers: dict[int, list[EncodedRow]] = {}
    while searches:
        questions: dict[int, list[Values]] = {}
        for at, search in searches.items():
            try:
                questions[at] = search.send(answers[at]) if at in answers else next(search)
            except StopIteration as done:
                found[at] = done.value
        searches = {at: searches[at] for at in questions}
        encoded = iter(encode([values for asked in questions.values() for values in asked]))
        answers = {at: [next(encoded) for _ in asked] for at, asked in questions.items()}
    return found


def _search(rule: CutRule, layout: Layout, values: Values, row: EncodedRow) -> _Search:
    """Cut field after field until the row fits or nothing is left to cut."""
    cuts: list[Cut] = []
    for field in rule.fields:
        if not values[field]:
            continue
        possible = _PossibleCuts(rule.side, layout, values, row, field)
        cut, row = yield from _search_field(rule.limit, layout, values, row, possible)
        cuts.append(cut)
        values = _without(values, cut)
        if row.num_tokens <= rule.limit:
            break
    return Fitted(row=row, cuts=tuple(cuts))


def _search_field(
    limit: int, layout: Layout, values: Values, row: EncodedRow, cuts: "_PossibleCuts"
) -> Generator[list[Values], list[EncodedRow], tuple[Cut, EncodedRow]]:
    """The smallest of `cuts` that fits, else the last one. The first is no cut, too long.

    Tokens lost are nearly the tokens cut, so the guess is mostly right and one round enough.
    """
    times = layout.count_field(cuts[0].field)
    low, low_row = 0, row
    high, high_row = len(cuts), None
    rounds = 0
    while high - low > 1:
        surplus = -(-(low_row.num_tokens - limit) // times)
        guess = bisect_left(
            range(len(cuts)), cuts[low].num_tokens + surplus, key=lambda at: cuts[at].num_tokens
        )
        if rounds >= _GUESSES:
            guess = (low + high) // 2
        guess = max(low + 1, min(guess, high - 1))
        asked = [guess - 1, guess] if guess - 1 > low else [guess]
        answers = yield [_without(values, cuts[at]) for at in asked]
        for at, answer in zip(asked, answers, strict=True):
            if answer.num_tokens > limit:
                low, low_row = at, answer
            else:
                high, high_row = at, answer
                break
        rounds += 1
    return (cuts[high], high_row) if high_row else (cuts[low], low_row)


def _without(values: Values, cut: Cut) -> Values:
    text = values[cut.field]
    return {**values, cut.field: text[: cut.start] + text[cut.end :]}


@final
class _PossibleCuts:
    """From no cut to the whole field, each a little larger than the one before."""

    def __init__(
        self, side: TruncateSide, layout: Layout, values: Values, row: EncodedRow, field: str
    ) -> None:
        self._side = side
        self._field = field
        self._text = values[field]
        place = _find(layout, values, row, field)
        self._follows_space = place.follows_space
        self._borders = _borders(self._text, place)

    def __len__(self) -> int:
        return len(self._borders)

    def __getitem__(self, index: int) -> Cut:
        keep = len(self._borders) - 1 - index  # pieces between neighbouring borders
        tail = _kept_at_end(self._side, keep)
        start, first = self._borders[keep - tail]
        end, last = self._borders[len(self._borders) - 1 - tail]
        if start == 0 < end and self._follows_space and self._text[end : end + 1] == " ":
            end += 1  # one space is enough, and two are one token more
        return Cut(field=self._field, num_tokens=last - first, start=start, end=end)


def _kept_at_end(side: TruncateSide, keep: int) -> int:
    """How many of the kept pieces stand after the cut."""
    match side:
        case TruncateSide.RIGHT:
            return 0
        case TruncateSide.LEFT:
            return keep
        case TruncateSide.MIDDLE:
            return keep // 2


@dataclass(frozen=True, kw_only=True)
class _Place:
    """Where a field first stands: from which character of its stretch, whose tokens these are."""

    begin: int
    follows_space: bool
    offsets: Sequence[tuple[int, int]]


def _find(layout: Layout, values: Values, row: EncodedRow, field: str) -> _Place:
    for part, encoding in zip(layout.parts, row.encodings, strict=True):
        begin = part.find_field(values, field) if isinstance(part, Stretch) else None
        if isinstance(part, Stretch) and begin is not None and encoding is not None:
            before = part.text(values)[: max(begin, 0)]
            return _Place(begin=begin, follows_space=before.endswith(" "), offsets=encoding.offsets)
    raise AssertionError(f"only fields of the layout are cut, unlike {field}")


def _borders(text: str, place: _Place) -> list[tuple[int, int]]:
    """Where a field's text may be cut: (its character, tokens of the stretch before).

    The first and last are the field's own ends, even where a token lies across them.
    """
    begin, offsets = place.begin, place.offsets
    first = bisect_left(offsets, begin + 1, key=lambda offset: offset[1])
    last = bisect_left(offsets, (begin + len(text),))
    borders = [(0, first)]
    covered = offsets[first - 1][1] if first else 0
    for token in range(first, last):
        start, end = offsets[token]
        at = start - begin
        if borders[-1][0] < at < len(text) and covered <= start and not _is_mark(text[at]):
            borders.append((at, token))
        covered = end
    return [*borders, (len(text), max(first, last))] if text else borders


def _is_mark(character: str) -> bool:
    """Whether the character is drawn onto the one before it: an accent, a vowel sign."""
    return character > "\u02ff" and unicodedata.category(character).startswith("M")
