"""What holds for every row, whatever the template, the data, the tokenizer and the limit.

docs/templates.md states the laws for people. Each is a function of one case that gives None where
the law holds or says nothing about the case, else one sentence. The project's own property tests
and `spec test`, which tries a user's template on the user's rows, share them.
"""

import copy
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from softprompt_plan.cut_laws import (
    cut_in_order_and_on_its_side,
    cut_row_is_the_row_of_its_text,
    fewest_tokens_are_lost,
    refused_row_cannot_fit,
)
from softprompt_plan.example import Unfit
from softprompt_plan.plan import TaskPlan
from softprompt_plan.row_case import RowCase
from softprompt_plan.template import Field, Text, parse_template
from softprompt_plan.vocabulary import Whitespace

Check: TypeAlias = Callable[[RowCase], str | None]


@dataclass(frozen=True, kw_only=True)
class RowLaw:
    """A law. name: for options and reports; statement: what it promises, in a few words."""

    name: str
    statement: str
    check: Check


def within_limit(case: RowCase) -> str | None:
    """A row that is given has a mask as long as its ids, and fits; one that is not is too long."""
    result = case.encode()
    if isinstance(result, Unfit):
        if result.num_tokens != len(case.example().input_ids):
            return f"the refused row is said to have {result.num_tokens} tokens, and has others"
        if result.max_seq_length != case.limit or result.num_tokens <= case.limit:
            return f"a row of {result.num_tokens} tokens is refused at the limit {case.limit}"
        return None
    size = len(result.input_ids)
    if size != len(result.loss_mask):
        return f"{size} ids have a loss mask of {len(result.loss_mask)}"
    return f"the row has {size} tokens, more than the limit" if size > case.limit else None


def fitting_row_is_whole(case: RowCase) -> str | None:
    """A row that fits loses nothing."""
    whole = case.example()
    if whole.cut:
        return "a row without limit lost something"
    if len(whole.input_ids) <= case.limit and case.encode() != whole:
        return f"the row fits with its {len(whole.input_ids)} tokens, and was changed"
    return None


def frame_and_answer_survive(case: RowCase) -> str | None:
    """BOS, EOS, every virtual token and the answer are in every row, cut or not."""
    cut, whole = case.cut_row(), case.example()
    for row in filter(None, (cut, whole)):
        ids = row.input_ids
        if ids[-1] != case.tokenizer.eos_id:
            return "the row does not end in EOS"
        if case.add_bos and ids[0] != case.tokenizer.bos_id:
            return "the row does not begin with BOS"
        virtual = sorted(-1 - token for token in ids if token < 0)
        if virtual != [*range(case.task.num_virtual_tokens)]:
            return f"the row's virtual tokens are {virtual}"
    if cut is None or cut.answer_start is None or whole.answer_start is None:
        return None
    kept, full = (
        case.tokenizer.decode(row.input_ids[row.answer_start : -1]).lstrip(" ")
        for row in (cut, whole)
    )
    return None if kept == full else f"the answer {full!r} became {kept!r}"


def virtual_tokens_in_marker_order(case: RowCase) -> str | None:
    """Virtual tokens stand at their markers, numbered by the markers' numbers."""
    found = [token for token in case.example().input_ids if token < 0]
    splits, expected = case.task.virtual_token_splits, list[int]()
    for marker in parse_template(case.task.prompt_template).markers:
        first = sum(splits[: marker.number])
        expected += [-1 - k for k in range(first, first + splits[marker.number])]
    return None if found == expected else f"virtual tokens come as {found}, not {expected}"


def prompt_begins_the_row(case: RowCase) -> str | None:
    """The ids of the prompt are the first ids of the row, and the answer starts after them."""
    if not _ends_in_answer(case.task):
        return None
    prompt, row = case.example(prompt=True), case.example()
    size = len(prompt.input_ids)
    if row.input_ids[:size] != prompt.input_ids:
        return f"the row's first {size} ids are not the prompt's: {_list(prompt.input_ids)}"
    if case.task.answer_only_loss and row.answer_start != size:
        return f"the answer starts at {row.answer_start}, and the prompt has {size} ids"
    return None


def prompt_begins_the_cut_row(case: RowCase) -> str | None:
    """The same of a row that lost something, and the prompt of the text it kept."""
    row = case.cut_row()
    if row is None or not _ends_in_answer(case.task):
        return None
    prompt = case.example(case.kept(row), prompt=True).input_ids
    same = row.input_ids[: len(prompt)] == prompt
    return None if same else f"the cut row's first ids are not the prompt's: {_list(prompt)}"


def prompt_ignores_the_answer(case: RowCase) -> str | None:
    """A prompt is the same whatever the answer, and without one."""
    answer = case.task.answer_field
    if answer is None or not _ends_in_answer(case.task):
        return None
    unanswered = {name: text for name, text in case.record.items() if name != answer}
    other = {**case.record, answer: case.record[answer] + "?"}
    if case.encode(unanswered, prompt=True) != case.encode(prompt=True):
        return "the prompt of the record without its answer is another"
    same = case.encode(other, prompt=True) == case.encode(prompt=True)
    return None if same else "the prompt of the record with another answer is another"


def loss_covers_the_answer_or_all_text(case: RowCase) -> str | None:
    """The answer's tokens and EOS count, or with whole-row loss every token but virtual ones."""
    row = case.example()
    ids, start = row.input_ids, row.answer_start
    if not case.task.answer_only_loss:
        if start is not None or row.loss_mask != tuple(token >= 0 for token in ids):
            return "the loss does not cover all tokens but the virtual ones"
        return None
    if start is None:
        return "the row has no answer"
    right = row.loss_mask == tuple(at >= start for at in range(len(ids)))
    return None if right else f"the loss does not cover the tokens from {start} on, and only them"


def data_is_text(case: RowCase) -> str | None:
    """The row's text is the template's, with each field put in once, as it is.

    Where the tokenizer itself loses text, nothing can be said.
    """
    ids = case.example().input_ids[case.add_bos : -1]
    expected, found = _expected_texts(case), _texts_between_virtual(case, ids)
    if len(expected) != len(found):
        return f"the row has {len(found)} stretches of text, the template {len(expected)}"
    for want, have in zip(expected, found, strict=True):
        encoded = list(case.tokenizer.encode_batch([want])[0].ids)
        keeps = _plain(case, case.tokenizer.decode(encoded)) == _plain(case, want)
        if keeps and _plain(case, have) != _plain(case, want):
            return f"the text {want!r} became {have!r}"
    return None


def _plain(case: RowCase, text: str) -> str:
    """For comparing: some tokenizers normalize, and white space beside markers may be dropped."""
    text = unicodedata.normalize("NFC", text)
    return text.strip() if case.task.whitespace is Whitespace.NEMO_2023 else text


def _expected_texts(case: RowCase) -> list[str]:
    """The text before the first marker, between each two, and after the last."""
    texts = [""]
    segments = parse_template(case.task.prompt_template).segments
    for segment in segments:
        if isinstance(segment, Field):
            texts[-1] += case.record[segment.name]
        elif isinstance(segment, Text):
            texts[-1] += segment.text
        else:
            texts.append("")
    texts[0] = texts[0].lstrip(" ")
    texts[-1] = texts[-1].rstrip(" ")
    return texts


def _texts_between_virtual(case: RowCase, ids: tuple[int, ...]) -> list[str]:
    splits = case.task.virtual_token_splits
    runs = [splits[m.number] for m in parse_template(case.task.prompt_template).markers]
    texts, at = list[str](), 0
    for run in (*runs, 0):
        end = next((k for k in range(at, len(ids)) if ids[k] < 0), len(ids))
        texts.append(case.tokenizer.decode(ids[at:end]))
        at = end + run
    return texts


def no_special_token_from_data(case: RowCase) -> str | None:
    """No text becomes BOS or EOS."""
    special = {case.tokenizer.bos_id, case.tokenizer.eos_id}
    found = special & {*case.example().input_ids[case.add_bos : -1]}
    return f"text became the special token {found}" if found else None


def encoding_changes_nothing(case: RowCase) -> str | None:
    """The caller's record and task stay as they are."""
    record, task = copy.deepcopy(dict(case.record)), copy.deepcopy(case.task)
    case.encode()
    case.encode(prompt=True)
    same = (dict(case.record), case.task) == (record, task)
    return None if same else "encoding changed the caller's record or task"


def one_result_for_each_record(case: RowCase) -> str | None:
    """In order, in training and for prompts, and whoever sits beside."""
    other = {**case.record, **dict.fromkeys(case.task.truncate_fields, "yes")}
    return independent_of_neighbours(case, other)


def independent_of_neighbours(case: RowCase, other: Mapping[str, str]) -> str | None:
    """`one_result_for_each_record`, beside this record."""
    for prompt in (False, True):
        together = case.encode_batch([other, case.record, other], prompt=prompt)
        alone = [case.encode(record, prompt=prompt) for record in (other, case.record)]
        if together != [*alone, alone[0]]:
            return "rows encoded together are not those encoded one by one"
    return None


def _ends_in_answer(task: TaskPlan) -> bool:
    return task.answer_field in parse_template(task.prompt_template).fields


def _list(ids: tuple[int, ...]) -> str:
    return " ".join(map(str, ids))


_TABLE: tuple[tuple[str, str, Check], ...] = (
    ("row-length", "no row is longer than the limit", within_limit),
    ("row-whole", "a row that fits is left whole", fitting_row_is_whole),
    ("row-refused", "a row is refused only if no cut helps", refused_row_cannot_fit),
    ("row-recut", "encoding a cut row again changes nothing", cut_row_is_the_row_of_its_text),
    ("row-side", "fields are cut in order and on their side", cut_in_order_and_on_its_side),
    ("row-fewest", "the fewest tokens are lost", fewest_tokens_are_lost),
    ("row-frame", "BOS, EOS, virtual tokens and answer stay", frame_and_answer_survive),
    ("row-markers", "virtual tokens stand at their markers", virtual_tokens_in_marker_order),
    ("row-prompt", "the prompt's ids begin the row's", prompt_begins_the_row),
    ("row-cut-prompt", "the prompt's ids begin a cut row's", prompt_begins_the_cut_row),
    ("row-no-peeking", "a prompt does not depend on the answer", prompt_ignores_the_answer),
    ("row-loss", "the loss covers what it should", loss_covers_the_answer_or_all_text),
    ("row-text", "data is put in once, as it is", data_is_text),
    ("row-special", "no special token comes from data", no_special_token_from_data),
    ("row-unchanged", "encoding changes no record", encoding_changes_nothing),
    ("row-alone", "each row has one result, whoever sits beside", one_result_for_each_record),
)
ROW_LAWS = tuple(RowLaw(name=n, statement=s, check=c) for n, s, c in _TABLE)
