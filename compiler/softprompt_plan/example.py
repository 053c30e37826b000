"""Records -> examples: token ids, virtual positions, the answer's start and the loss mask.

One code for the compiler, which checks data, and the runtime, which trains on it. The tokenizer is
handed in. `docs/templates.md` states the rules.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from softprompt_plan.encoding import EncodedRow, RowFrame, RowLayout, encode_rows
from softprompt_plan.fitting import CutRule, Fitted, fit_rows
from softprompt_plan.layout import Values, lay_out
from softprompt_plan.part_lengths import Part, PartCounter
from softprompt_plan.plan import TaskPlan
from softprompt_plan.record_values import RecordError, RecordErrorKind, values_of
from softprompt_plan.template import Field, Template, parse_template
from softprompt_plan.template_checks import TemplateError, check_template, fatal_faults
from softprompt_plan.tokenization import Encoding, Tokenizer

__all__ = [
    "Encoding",
    "Example",
    "RecordError",
    "RecordErrorKind",
    "RowEncoder",
    "RowLengths",
    "SpecialTokenError",
    "TemplateError",
    "Tokenizer",
    "Unfit",
    "UnfitReason",
    "loss_mask_of",
]

_ROWS_AT_ONCE = 1024  # keeps the encodings, which are large, out of memory soon


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One row as the model sees it. L: its tokens."""

    task: str
    input_ids: tuple[int, ...]  # (L,); virtual token k of the task is -1-k
    answer_start: int | None  # None with whole-row loss, and for a prompt
    loss_mask: tuple[bool, ...]  # (L,), not shifted: whether predicting this very token counts
    cut: tuple[tuple[str, int], ...]  # (truncate field, tokens it lost), only those that lost some
    cut_spans: tuple[tuple[int, int], ...] = ()  # characters [start, end) that each of `cut` lost


class UnfitReason(StrEnum):
    """Why a row cannot be made to fit."""

    NOTHING_TO_CUT = "nothing_to_cut"  # no truncate field, or all of them are empty
    CUT_TOO_LITTLE = "cut_too_little"  # too long even with its truncate fields empty
    NOTHING_TO_LEARN = "nothing_to_learn"  # no token in the loss: an empty answer, no EOS


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A row that is too long and stays so, or that has no token in the loss."""

    task: str
    reason: UnfitReason
    num_tokens: int  # of the full row, virtual tokens, BOS and EOS included
    min_tokens: int  # with all truncate fields empty
    max_seq_length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowLengths:
    """How long a row is before anything is cut, virtual tokens, BOS and EOS included."""

    parts: tuple[int, ...]  # tokens of each of `RowEncoder.parts`
    cut: tuple[tuple[str, int], ...]  # (truncate field, tokens it would lose)
    unfit: Unfit | None  # None for a row that can be made to fit

    @property
    def num_tokens(self) -> int:
        """Of the whole row."""
        return sum(self.parts)


class SpecialTokenError(ValueError):
    """A BOS or EOS is asked for that the tokenizer does not have."""


@final
class RowEncoder:
    """Encodes the records of one task.

    add_bos, add_eos: BOS in front of every row, EOS after every row that is not a prompt.
    optional_fields: fields that count as empty where a record lacks them.
    Raises TemplateError if the task's template cannot be used, SpecialTokenError.
    """

    def __init__(
        self,
        task: TaskPlan,
        tokenizer: Tokenizer,
        max_seq_length: int,
        add_bos: bool,
        add_eos: bool = True,
        *,
        optional_fields: Collection[str] = (),
    ) -> None:
        template = _checked_template(task)
        self._task = task
        self._tokenizer = tokenizer
        self._max_seq_length = max_seq_length
        self._bos = _special("BOS", tokenizer.bos_id) if add_bos else ()
        self._eos = _special("EOS", tokenizer.eos_id) if add_eos else ()
        self._optional = frozenset(optional_fields)
        self._row = _row_layout(template, task)
        self._prompt = RowLayout(whole=self._row.prompt or self._row.whole, prompt=None)
        self._row_fields = template.fields
        self._prompt_fields = _prompt_fields(template, task.answer_field)

    def encode_batch(
        self, records: Sequence[Mapping[str, object]], for_inference: bool = False
    ) -> list[Example | Unfit]:
        """One result for each record, in order. Records are read, never changed.

        for_inference: the prompt only, which ends before the answer; the record need not have one.
        Raises RecordError at the first record that lacks a field or holds something but text.
        """
        rows = self._fitted(records, for_inference)
        return [self._result(row, after, for_inference) for _, row, after in rows]

    def parts(self, for_inference: bool = False) -> tuple[Part, ...]:
        """What `measure_batch` counts the tokens of."""
        return self._counter(for_inference).parts

    def frame(self, for_inference: bool = False) -> RowFrame:
        """What all rows of the task have in common, or all its prompts."""
        layout = self._prompt if for_inference else self._row
        return RowFrame(layout=layout, bos=self._bos, eos=() if for_inference else self._eos)

    def measure_batch(
        self, records: Sequence[Mapping[str, object]], for_inference: bool = False
    ) -> list[RowLengths]:
        """How long each record's row is, part by part, and what it would lose.

        Costs little more than tokenizing, and less than `encode_batch`. Raises RecordError.
        """
        counter, num_eos = self._counter(for_inference), 0 if for_inference else len(self._eos)
        measured: list[RowLengths] = []
        for values, row, after in self._fitted(records, for_inference):
            fits = after.row.num_tokens <= self._limit(for_inference)
            # EOS counts in the loss, unless it is all that there is.
            learns = for_inference or (num_eos and after.row.num_tokens)
            result = None if fits and learns else self._result(row, after, for_inference)
            measured.append(
                RowLengths(
                    parts=counter.count(values, row),
                    cut=_tokens_cut(after),
                    unfit=result if isinstance(result, Unfit) else None,
                )
            )
        return measured

    def _counter(self, for_inference: bool) -> PartCounter:
        layout = self._prompt if for_inference else self._row
        num_special = len(self._bos) + (0 if for_inference else len(self._eos))
        return PartCounter(layout.whole, self._task.answer_field, num_special)

    def _limit(self, for_inference: bool) -> int:
        """Of a row's text and virtual tokens."""
        eos = () if for_inference else self._eos
        return self._max_seq_length - len(self._bos) - len(eos)

    def _fitted(
        self, records: Sequence[Mapping[str, object]], for_inference: bool
    ) -> Iterator[tuple[Values, EncodedRow, Fitted]]:
        """Each record's texts, its full row, and the row after cutting."""
        fields = self._prompt_fields if for_inference else self._row_fields
        layout, limit = self._prompt if for_inference else self._row, self._limit(for_inference)
        for first in range(0, len(records), _ROWS_AT_ONCE):
            some = enumerate(records[first : first + _ROWS_AT_ONCE], start=first)
            rows = [values_of(record, fields, self._optional, at) for at, record in some]
            encoded = encode_rows(layout, self._tokenizer, rows)
            longer = [at for at, row in enumerate(encoded) if row.num_tokens > limit]
            fitted = self._fit(layout, limit, {at: (rows[at], encoded[at]) for at in longer})
            for at, row in enumerate(encoded):
                yield rows[at], row, fitted.get(at) or Fitted(row=row, cuts=())

    def _result(self, row: EncodedRow, after: Fitted, for_inference: bool) -> Example | Unfit:
        eos = () if for_inference else self._eos
        if after.row.num_tokens > self._limit(for_inference):
            return self._unfit(_too_long(after), row, after, eos)
        example = self._example(after, eos)
        # Nothing predicts a row's first token, so it is never in the loss.
        if for_inference or True in example.loss_mask[1:]:
            return example
        return self._unfit(UnfitReason.NOTHING_TO_LEARN, row, after, eos)

    def _fit(
        self, layout: RowLayout, limit: int, rows: Mapping[int, tuple[Values, EncodedRow]]
    ) -> dict[int, Fitted]:
        if not rows or not self._task.truncate_fields:
            return {}
        present = tuple(
            name for name in self._task.truncate_fields if layout.whole.count_field(name)
        )
        rule = CutRule(limit=limit, fields=present, side=self._task.truncate_side)
        return fit_rows(
            rule, layout.whole, lambda asked: encode_rows(layout, self._tokenizer, asked), rows
        )

    def _unfit(
        self, reason: UnfitReason, row: EncodedRow, after: Fitted, eos: tuple[int, ...]
    ) -> Unfit:
        extra = len(self._bos) + len(eos)
        return Unfit(
            task=self._task.name,
            reason=reason,
            num_tokens=row.num_tokens + extra,
            min_tokens=after.row.num_tokens + extra,
            max_seq_length=self._max_seq_length,
        )

    def _example(self, fitted: Fitted, eos: tuple[int, ...]) -> Example:
        row = fitted.row
        ids: list[int] = [*self._bos]
        for part in row.parts:
            ids.extend(part)
        ids.extend(eos)
        start = None
        if self._task.answer_only_loss and row.answer_start is not None:
            start = row.answer_start + len(self._bos)
        return Example(
            task=self._task.name,
            input_ids=tuple(ids),
            answer_start=start,
            loss_mask=loss_mask_of(ids, start),
            cut=_tokens_cut(fitted),
            cut_spans=tuple((cut.start, cut.end) for cut in fitted.cuts),
        )


def _tokens_cut(fitted: Fitted) -> tuple[tuple[str, int], ...]:
    return tuple((cut.field, cut.num_tokens) for cut in fitted.cuts)


def _too_long(after: Fitted) -> UnfitReason:
    return UnfitReason.CUT_TOO_LITTLE if after.cuts else UnfitReason.NOTHING_TO_CUT


def loss_mask_of(ids: Sequence[int], answer_start: int | None) -> tuple[bool, ...]:
    """An example's loss mask: the answer and EOS, or every token that is not virtual."""
    if answer_start is not None:
        return (False,) * answer_start + (True,) * (len(ids) - answer_start)
    return tuple([token >= 0 for token in ids])


def _checked_template(task: TaskPlan) -> Template:
    template = parse_template(task.prompt_template)
    faults = [
        *template.faults,
        *check_template(
            template,
            virtual_token_splits=task.virtual_token_splits,
            answer_field=task.answer_field,
            answer_only_loss=task.answer_only_loss,
            truncate_fields=task.truncate_fields,
        ),
    ]
    fatal = fatal_faults(faults)
    if fatal:
        raise TemplateError(fatal)
    return template


def _row_layout(template: Template, task: TaskPlan) -> RowLayout:
    splits, whitespace = task.virtual_token_splits, task.whitespace
    whole = lay_out(template.segments, splits, whitespace)
    answer = _answer_at(template, task.answer_field)
    if answer is None:
        return RowLayout(whole=whole, prompt=None)
    before = template.segments[:answer]
    return RowLayout(whole=whole, prompt=lay_out(before, splits, whitespace))


def _answer_at(template: Template, answer_field: str | None) -> int | None:
    """The segment that is the answer."""
    for at, segment in enumerate(template.segments):
        if isinstance(segment, Field) and segment.name == answer_field:
            return at
    return None


def _prompt_fields(template: Template, answer_field: str | None) -> tuple[str, ...]:
    before = template.segments[: _answer_at(template, answer_field)]
    names = [segment.name for segment in before if isinstance(segment, Field)]
    return tuple(dict.fromkeys(names))


def _special(name: str, token_id: int | None) -> tuple[int, ...]:
    if token_id is None:
        raise SpecialTokenError(f"the tokenizer has no {name}")
    return (token_id,)
