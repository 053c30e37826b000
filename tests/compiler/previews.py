"""Previews for the tests of their pictures: of made-up rows, with no file and no model."""

from collections.abc import Iterable

from softprompt_compiler.preview import Preview, PreviewRow, RowStatus
from softprompt_plan.example import Example, RowEncoder
from softprompt_plan.row_case import RowCase
from softprompt_plan.row_trace import trace_row
from softprompt_plan.vocabulary import Split
from tests.strategies import tracing_tokenizer

SPECIAL = {3071: "<|endoftext|>"}


def preview_of(*rows: PreviewRow, split: Split = Split.TRAIN) -> Preview:
    """A preview of these rows."""
    return Preview(spec="spec.yaml", split=split, special=SPECIAL, rows=rows)


def row_of(case: RowCase) -> PreviewRow:
    """The row of a case; one that does not fit is shown whole."""
    status, reason = RowStatus.OK, ""
    encoder = RowEncoder(case.task, case.tokenizer, case.limit, case.add_bos)
    (example,) = encoder.encode_batch([case.record])
    if not isinstance(example, Example):
        status, reason, example = RowStatus.UNFIT, "it is long", case.example()
    elif example.cut:
        status, reason = RowStatus.CUT, "something was lost"
    return PreviewRow(
        task="squad",
        file="train.jsonl",
        line=1,
        status=status,
        reason=reason,
        num_tokens=len(example.input_ids),
        limit=case.limit,
        example=None if status is RowStatus.UNFIT else example,
        pieces=trace_row(encoder.frame(), case.record, example, tracing_tokenizer(case)),
    )


def joined(texts: Iterable[str]) -> str:
    """What a renderer yields, as one text."""
    return "".join(texts)
