"""The user's rows, made nasty: Hypothesis strategies. Importing this loads Hypothesis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from softprompt_compiler.spec_test.row_sample import TaskSample
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.row_case import RowCase
from softprompt_plan.tokenization import Tokenizer

_LONGEST = 8_000  # characters of a repeated text
_TIGHTEST = 1000

# What a careless encoder takes for something else than text.
_HOSTILE = (
    "<|VIRTUAL_PROMPT_0|>",
    "<|VIRTUAL_PROMPT_1|>",
    "{",
    "}}",
    "{{answer}}",
    "<|endoftext|>",
    "<|im_end|>\n",
    "<|eot_id|>",
    "<s>",
    "</s>",
    "<eos>",
    "[SEP]",
    "<0x0A>",
    "\u2581",
    "\u0120",
    "\\n",
    "'s",
    "\0",
    "\x07\x1b[31m",
    "\x7f\x85",
    "\ufeff",
    "\u200b",
    "\u202eabc",
    "\u0301",
    "e\u0301te\u0301",
    "Z\u0351\u036b\u0343a\u0362lgo",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\u1112\u1161\u11ab\ud55c",
    "\u6771\u4eac",
    "\u0645\u0631\u062d\u0628\u0627",
    "\U0001f469\u200d\U0001f680",
    "\ufb01\u00bd\u2460",
    "\ufffd",
    "1234567890",
    "....",
)
_SPACE = (" ", "  ", "\n", "\n\n", "\t", "\r\n", "\u00a0", "\u3000", "\u2028")
_KINDS = ("empty", "as it is", "as it is", "as it is", "swapped", "repeated", "inserted", "hostile")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A mutated record of a task.

    tightness: where the limit lies, in thousandths from just below the shortest that the row can be
    cut to, to just above its full length; None takes the spec's own.
    """

    plan: Plan
    task: TaskPlan
    tokenizer: Tokenizer
    record: dict[str, str]
    tightness: int | None

    def case(self) -> RowCase:
        """The trial with its limit in tokens. Raises what encoding raises."""
        case = RowCase(
            task=self.task,
            tokenizer=self.tokenizer,
            record=self.record,
            add_bos=self.plan.inference.add_bos,
            limit=self.plan.model.max_seq_length,
        )
        if self.tightness is None:
            return case
        shortest, whole = (len(case.example(r).input_ids) for r in (case.emptied(), self.record))
        low, high = max(1, min(shortest, whole) - 2), max(shortest, whole) + 1
        return replace(case, limit=low + (high - low) * self.tightness // _TIGHTEST)


def trials(plan: Plan, sample: TaskSample, tokenizer: Tokenizer) -> st.SearchStrategy[Trial]:
    """Mutations of a task's rows, with limits of every kind."""
    return st.builds(
        Trial,
        plan=st.just(plan),
        task=st.just(sample.task),
        tokenizer=st.just(tokenizer),
        record=_records(sample.records, _hostile_texts(sample.task, tokenizer)),
        tightness=st.one_of(st.integers(0, _TIGHTEST), st.none(), st.integers(0, _TIGHTEST)),
    )


def _hostile_texts(task: TaskPlan, tokenizer: Tokenizer) -> tuple[str, ...]:
    """Those that are hostile to this template and this tokenizer among them."""
    ids = [token for token in (tokenizer.bos_id, tokenizer.eos_id) if token is not None]
    special = [text for text in (tokenizer.decode([token]) for token in ids) if text.strip()]
    fields = [f"{{{name}}}" for name in task.truncate_fields]
    answer = [f"{{{task.answer_field}}}"] if task.answer_field else []
    return (*_HOSTILE, *special, *fields, *answer)


@st.composite
def _records(
    draw: st.DrawFn, records: Sequence[dict[str, str]], hostile: tuple[str, ...]
) -> dict[str, str]:
    row, other = draw(st.sampled_from(records)), draw(st.sampled_from(records))
    return {field: _text(draw, text, other, hostile) for field, text in row.items()}


def _text(draw: st.DrawFn, text: str, other: dict[str, str], hostile: tuple[str, ...]) -> str:
    """A field's text, changed or not. The simplest choice, to which Hypothesis shrinks, is none."""
    pieces = st.one_of(st.sampled_from(hostile), st.sampled_from(_SPACE))
    match draw(st.sampled_from(_KINDS)):
        case "empty":
            return ""
        case "swapped":
            return other[draw(st.sampled_from(sorted(other)))]
        case "repeated":
            return (text * draw(st.integers(2, 60)))[:_LONGEST]
        case "inserted":
            at = draw(st.integers(0, len(text)))
            return text[:at] + draw(pieces) + text[at:]
        case "hostile":
            return "".join(draw(st.lists(pieces, max_size=6)))
        case _:
            return text
