"""Hypothesis strategies: tasks valid by construction, their records, and hostile text."""

from dataclasses import replace

from hypothesis import assume
from hypothesis import strategies as st

from softprompt_plan.plan import TaskPlan
from softprompt_plan.row_case import RowCase
from softprompt_plan.template import parse_template
from softprompt_plan.tokenization import FastTokenizer, SentencePieceTokenizer, TracingTokenizer
from softprompt_plan.vocabulary import TruncateSide
from tests import tokenizers_for_tests
from tests.task_plans import task_plan

FIELDS = ("context", "question", "hint")
ANSWER = "answer"

TOKENIZERS = {
    "byte_level": tokenizers_for_tests.byte_level,
    "sentence_piece": tokenizers_for_tests.sentence_piece,
    "llama_like": tokenizers_for_tests.llama_like,
    "llama3_like": tokenizers_for_tests.llama3_like,
}

# What a careless encoder takes for something else than text.
HOSTILE_TEXTS = (
    "<|VIRTUAL_PROMPT_0|>",
    "<|VIRTUAL_PROMPT_1|> <|VIRTUAL_PROMPT_0|>",
    "{answer}",
    "{context} {question}",
    "{{",
    "}",
    "<prompt_0>",
    "<|endoftext|>",
    "a <|endoftext|> b",
    "<s> </s> <unk>",
    "<0x0A>",
    "\u2581yes",
    "\\n",
    "'s",
)
_UNICODE = (
    "e\u0301te\u0301",
    "\U0001f469\u200d\U0001f680",
    "\u6771\u4eac",
    "\u0928\u092e\u0938\u094d\u0924\u0947",
    "\ufb01ne \u00bd",
    "Z\u0351\u036b\u0343a\u0362lgo",
    "\u00a0\u200b",
    "\ud55c\uad6d\u1112\u1161",
)
_PLAIN = ("yes", " no", "the cat sat on the mat", "again and again", "12345", "Answer:", " ", "")
_SPACE = (" ", "  ", "\n", "\n\n", "\t", " \n", "\r\n")


def texts(max_pieces: int = 6) -> st.SearchStrategy[str]:
    """Field text: words, other scripts, hostile text and noise, joined."""
    pieces = st.one_of(
        st.sampled_from(_PLAIN),
        st.sampled_from(_UNICODE),
        st.sampled_from(_SPACE),
        st.sampled_from(HOSTILE_TEXTS),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    )
    return st.lists(pieces, max_size=max_pieces).map("".join)


def literals() -> st.SearchStrategy[str]:
    """Literal template text, with its braces doubled."""
    written = (
        "Context: ",
        "\n\nQuestion: ",
        "\nAnswer:",
        " class_x",
        "{{",
        "}}",
        "=> ",
        "? ",
        "Q'",
    )
    return st.one_of(st.sampled_from(written), st.sampled_from(_PLAIN), st.sampled_from(_SPACE))


@st.composite
def tasks(draw: st.DrawFn, *, with_answer: bool | None = None) -> TaskPlan:
    """A task whose template has one to three markers in any order, and the answer last, if any."""
    splits = tuple(draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    numbers = draw(st.permutations(range(len(splits))))
    fields = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=4))
    places = [f"<|VIRTUAL_PROMPT_{number}|>" for number in numbers]
    places += [f"{{{name}}}" for name in fields]
    parts: list[str] = [draw(literals())]
    for place in draw(st.permutations(places)):
        parts += [place, draw(literals())]
    answer = draw(st.booleans()) if with_answer is None else with_answer
    if answer:
        parts.append(f"{{{ANSWER}}}")
    cut = draw(st.lists(st.sampled_from(fields), unique=True))
    return task_plan(
        "".join(parts),
        virtual_token_splits=splits,
        truncate_fields=tuple(cut),
        truncate_side=draw(st.sampled_from(TruncateSide)),
        answer_field=ANSWER if answer else None,
        answer_only_loss=answer and draw(st.booleans()),
    )


def records(task: TaskPlan) -> st.SearchStrategy[dict[str, str]]:
    """A record with all fields of the task, and one that no field uses."""
    fields = parse_template(task.prompt_template).fields
    return st.fixed_dictionaries({**dict.fromkeys(fields, texts()), "unused": texts(2)})


def tracing_tokenizer(case: RowCase) -> TracingTokenizer:
    """The tokenizer of a case, which is one of TOKENIZERS."""
    assert isinstance(case.tokenizer, FastTokenizer | SentencePieceTokenizer)
    return case.tokenizer


@st.composite
def row_cases(draw: st.DrawFn, *, with_answer: bool | None = None) -> RowCase:
    """A record and its task, with any limit."""
    task = draw(tasks(with_answer=with_answer))
    return RowCase(
        task=task,
        tokenizer=TOKENIZERS[draw(st.sampled_from(sorted(TOKENIZERS)))](),
        record=draw(records(task)),
        add_bos=draw(st.booleans()),
        limit=draw(st.integers(1, 200)),
    )


@st.composite
def tight_row_cases(draw: st.DrawFn) -> RowCase:
    """A row that is a little too long, or just fits."""
    case = draw(row_cases())
    length = len(case.example().input_ids)
    return replace(case, limit=draw(st.integers(max(1, length - 40), length)))


@st.composite
def cut_row_cases(draw: st.DrawFn, *, with_answer: bool | None = None) -> RowCase:
    """A row that must lose some of its truncate fields, and need not lose more."""
    case = draw(row_cases(with_answer=with_answer))
    sacrificed = [name for name in case.task.truncate_fields if case.record[name]]
    if not sacrificed:
        name = draw(st.sampled_from([n for n in FIELDS if n in case.record]))
        task = replace(case.task, truncate_fields=(name, *case.task.truncate_fields))
        text = case.record[name] + draw(st.sampled_from(_PLAIN[:5]))
        fields = tuple(dict.fromkeys(task.truncate_fields))
        record = {**case.record, name: text}
        case = replace(case, task=replace(task, truncate_fields=fields), record=record)
    shortest, length = (len(case.example(r).input_ids) for r in (case.emptied(), case.record))
    assume(shortest < length)
    return replace(case, limit=draw(st.integers(shortest, length - 1)))
