"""Rows as the model sees them: what `spec preview` shows."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import final

from softprompt_compiler.data_faults import unfit_finding
from softprompt_compiler.preview_choice import Chosen
from softprompt_compiler.world import World
from softprompt_plan.example import Example, RowEncoder, Unfit
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.row_trace import Piece, trace_row
from softprompt_plan.rows import Row
from softprompt_plan.split_encoding import record_of, row_encoder, token_limit
from softprompt_plan.tokenization import TracingTokenizer
from softprompt_plan.vocabulary import Split

_NO_LIMIT = 1 << 40  # tokens


class RowStatus(StrEnum):
    """What became of a row."""

    OK = "ok"  # it is whole
    CUT = "cut"  # it lost text of its truncate fields
    UNFIT = "unfit"  # it is too long whatever is cut, so the model does not see it
    FAULTY = "faulty"  # it cannot be read


@dataclass(frozen=True, kw_only=True)
class PreviewRow:
    """One row. `line` is where it starts in its file, from 1.

    example: None where the model sees nothing of the row. pieces: of the example, or of the whole
    row where that does not fit.
    """

    task: str
    file: str
    line: int
    status: RowStatus
    reason: str  # in words; "" if the row is whole
    num_tokens: int | None  # as shown; None if the row cannot be read
    limit: int  # the most tokens that it may have
    example: Example | None
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The rows of one split, made as they are asked for.

    special: id -> the text that the tokenizer has for it, of BOS and EOS.
    """

    spec: str
    split: Split
    special: Mapping[int, str]
    rows: Iterable[PreviewRow]


def special_texts(tokenizer: TracingTokenizer) -> dict[int, str]:
    """The texts of BOS and EOS."""
    ids = [id for id in (tokenizer.bos_id, tokenizer.eos_id) if id is not None]
    return {id: tokenizer.decode([id]) for id in ids}


def preview_rows(
    plan: Plan,
    split: Split,
    chosen: Iterable[Chosen],
    tokenizer: TracingTokenizer,
    world: World,
) -> Iterator[PreviewRow]:
    """The rows as training has them, or, of the test split, the prompts as the model is asked."""
    makers: dict[str, _Maker] = {}
    for item in chosen:
        name = item.task.name
        if name not in makers:
            makers[name] = _Maker(plan, item.task, split, tokenizer, world)
        yield makers[name].make(item)


@final
class _Maker:
    """Makes the preview rows of one task."""

    def __init__(
        self, plan: Plan, task: TaskPlan, split: Split, tokenizer: TracingTokenizer, world: World
    ) -> None:
        self._task = task
        self._split = split
        self._limit = token_limit(plan, split)
        self._tokenizer = tokenizer
        self._world = world
        self._encoder = row_encoder(plan, task, split, tokenizer)
        self._roomy = RowEncoder(task, tokenizer, _NO_LIMIT, plan.inference.add_bos)

    def make(self, item: Chosen) -> PreviewRow:
        """The row as it is encoded, or why it is not."""
        if not isinstance(item.found, Row):
            reason = "; ".join(fault.detail.removesuffix(" at") for fault in item.found)
            return self._row(item, RowStatus.FAULTY, reason)
        record = record_of(item.found, self._task, self._split)
        (result,) = self._encoder.encode_batch([record], for_inference=self._is_prompt)
        if isinstance(result, Unfit):
            return self._unfit(item, item.found, result)
        lost = ", ".join(f"{field} lost {_tokens(count)}" for field, count in result.cut)
        status = RowStatus.CUT if result.cut else RowStatus.OK
        pieces = self._pieces(record, result)
        return self._row(item, status, lost, len(result.input_ids), result, pieces)

    @property
    def _is_prompt(self) -> bool:
        return self._split is Split.TEST

    def _pieces(self, record: Mapping[str, object], example: Example) -> tuple[Piece, ...]:
        frame = self._encoder.frame(for_inference=self._is_prompt)
        pieces = trace_row(frame, record, example, self._tokenizer)
        # An example's mask says what training on it would count; nobody trains on a prompt.
        return tuple(replace(each, in_loss=False) for each in pieces) if self._is_prompt else pieces

    def _unfit(self, item: Chosen, row: Row, unfit: Unfit) -> PreviewRow:
        finding = unfit_finding(row, unfit, self._split)
        reason = finding.rule.message.format(**finding.values)
        record = record_of(row, self._task, self._split)
        (whole,) = self._roomy.encode_batch([record], for_inference=self._is_prompt)
        pieces = self._pieces(record, whole) if isinstance(whole, Example) else ()
        return self._row(item, RowStatus.UNFIT, reason, unfit.num_tokens, None, pieces)

    def _row(
        self,
        item: Chosen,
        status: RowStatus,
        reason: str,
        num_tokens: int | None = None,
        example: Example | None = None,
        pieces: tuple[Piece, ...] = (),
    ) -> PreviewRow:
        return PreviewRow(
            task=self._task.name,
            file=self._world.shown(item.file),
            line=item.line,
            status=status,
            reason=reason,
            num_tokens=num_tokens,
            limit=self._limit,
            example=example,
            pieces=pieces,
        )


def _tokens(count: int) -> str:
    return f"{count:,} token{'' if count == 1 else 's'}"
