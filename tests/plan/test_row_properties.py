"""What holds for every row, whatever the template, the data, the tokenizer and the limit."""

import copy
import unicodedata

from hypothesis import assume, event, given

from softprompt_plan.example import Example, RowEncoder, Unfit, UnfitReason
from softprompt_plan.layout import Stretch, lay_out
from softprompt_plan.template import Field, Text, parse_template
from softprompt_plan.vocabulary import TruncateSide, Whitespace
from tests.strategies import (
    ANSWER,
    BYTE_TOKENIZERS,
    RowCase,
    cut_row_cases,
    row_cases,
    tight_row_cases,
)


@given(tight_row_cases())
def test_a_row_never_exceeds_the_limit(case: RowCase):
    result = case.encode()
    if isinstance(result, Example):
        event("cut" if result.cut else "whole")
        assert len(result.input_ids) == len(result.loss_mask) <= case.limit
    else:
        event(result.reason)
        assert result.num_tokens == len(case.example().input_ids)
        assert case.limit == result.max_seq_length
        assert result.num_tokens > case.limit
        assert result.min_tokens > case.limit


@given(row_cases())
def test_a_row_that_fits_is_never_cut(case: RowCase):
    whole = case.example()
    result = case.encode()
    if len(whole.input_ids) <= case.limit:
        assert result == whole
    assert not whole.cut


@given(tight_row_cases())
def test_an_unfit_row_is_too_long_without_its_truncate_fields(case: RowCase):
    result = case.encode()
    assume(isinstance(result, Unfit))
    assert isinstance(result, Unfit)
    emptied = {**case.record, **dict.fromkeys(case.task.truncate_fields, "")}
    assert result.min_tokens == len(case.example(emptied).input_ids)
    nothing = all(not case.record[name] for name in case.task.truncate_fields)
    assert (result.reason is UnfitReason.NOTHING_TO_CUT) == nothing


@given(cut_row_cases())
def test_a_cut_row_is_the_row_of_the_text_it_kept(case: RowCase):
    """So only the truncate fields lost anything, and encoding again changes nothing."""
    result = case.encode()
    assert isinstance(result, Example)
    assert result.cut
    kept = case.kept(result)
    assert {name for name in kept if kept[name] != case.record[name]} <= {
        *case.task.truncate_fields
    }
    again = case.encode(kept)
    assert isinstance(again, Example)
    assert (again.input_ids, again.loss_mask) == (result.input_ids, result.loss_mask)
    assert not again.cut


@given(cut_row_cases())
def test_fields_are_sacrificed_in_order_and_on_their_side(case: RowCase):
    result = case.encode()
    assert isinstance(result, Example)
    assert result.cut
    cut = [field for field, _ in result.cut]
    not_empty = [name for name in case.task.truncate_fields if case.record[name]]
    assert cut == not_empty[: len(cut)]
    spans = dict(zip(cut, result.cut_spans, strict=True))
    for field in cut[:-1]:
        assert spans[field] == (0, len(case.record[field]))
    start, end = spans[cut[-1]]
    if case.task.truncate_side is TruncateSide.RIGHT:
        assert end == len(case.record[cut[-1]])
    if case.task.truncate_side is TruncateSide.LEFT:
        assert start == 0
    assert start < end
    assert all(tokens >= 0 for _, tokens in result.cut)


def _keeping(case: RowCase, text: str, borders: list[int], keep: int, spaced: bool) -> str:
    """The text with `keep` of its pieces. Leaving out a doubled space may equal the next cut."""
    sides = {TruncateSide.RIGHT: 0, TruncateSide.LEFT: keep}
    tail = sides.get(case.task.truncate_side, keep // 2)
    first, last = borders[keep - tail], borders[len(borders) - 1 - tail]
    kept = text[last:]
    if spaced and first == 0 < last:
        kept = kept.removeprefix(" ")
    return text[:first] + kept


@given(cut_row_cases())
def test_the_next_smaller_cut_does_not_fit(case: RowCase):
    result = case.encode()
    assert isinstance(result, Example)
    assert result.cut
    field, record = result.cut[-1][0], dict(case.record)
    for earlier, _ in result.cut[:-1]:
        record[earlier] = ""
    start, end = result.cut_spans[-1]
    borders, spaced = _token_borders(case, record, field)
    if end not in borders:  # a space was left out beside another one
        assert start == 0
        assert spaced
        assert record[field][end - 1] == " "
        end -= 1
    assert start in borders
    assert end in borders
    head, tail = borders.index(start), len(borders) - 1 - borders.index(end)
    whole = record[field]
    cut_text = whole[: result.cut_spans[-1][0]] + whole[result.cut_spans[-1][1] :]
    smaller = next(
        text
        for keep in range(head + tail + 1, len(borders))
        if (text := _keeping(case, whole, borders, keep, spaced)) != cut_text
    )
    record[field] = smaller
    assert len(case.example(record).input_ids) > case.limit


def _token_borders(case: RowCase, record: dict[str, str], field: str) -> tuple[list[int], bool]:
    """Where tokens of the full row begin within the field, by plain search.

    And whether a space stands before the field.
    """
    segments = parse_template(case.task.prompt_template).segments
    layout = lay_out(segments, case.task.virtual_token_splits, Whitespace.KEPT)
    stretches = [part for part in layout.parts if isinstance(part, Stretch)]
    stretch = next(part for part in stretches if part.count_field(field))
    begin, size = stretch.find_field(record, field) or 0, len(record[field])
    text = stretch.text(record)
    offsets = case.tokenizer.encode_batch([text])[0].offsets
    inside = {
        start - begin
        for start, _ in offsets
        if 0 < start - begin < size
        and not any(first < start < end for first, end in offsets)
        and not unicodedata.category(text[start]).startswith("M")
    }
    return sorted({0, size, *inside}), begin > 0 and text[begin - 1] == " "


@given(cut_row_cases())
def test_bos_eos_virtual_tokens_and_the_answer_survive(case: RowCase):
    result, whole = case.encode(), case.example()
    assert isinstance(result, Example)
    assert result.cut
    virtual = [-1 - k for k in range(case.task.num_virtual_tokens)]
    for example in (result, whole):
        ids = example.input_ids
        assert ids[-1] == case.tokenizer.eos_id
        assert not case.add_bos or ids[0] == case.tokenizer.bos_id
        assert sorted((token for token in ids if token < 0), reverse=True) == virtual
    if result.answer_start is not None and whole.answer_start is not None:
        decode = case.tokenizer.decode
        answer = decode(result.input_ids[result.answer_start : -1])
        assert answer.lstrip(" ") == decode(whole.input_ids[whole.answer_start : -1]).lstrip(" ")


@given(row_cases())
def test_virtual_tokens_stand_at_their_markers_in_marker_order(case: RowCase):
    ids = case.example().input_ids
    splits = case.task.virtual_token_splits
    runs: list[int] = []
    for marker in parse_template(case.task.prompt_template).markers:
        first = sum(splits[: marker.number])
        runs += [-1 - k for k in range(first, first + splits[marker.number])]
    assert [token for token in ids if token < 0] == runs


@given(row_cases(with_answer=True))
def test_the_prompts_ids_begin_the_rows_ids(case: RowCase):
    prompt, row = case.example(prompt=True), case.example()
    assert row.input_ids[: len(prompt.input_ids)] == prompt.input_ids
    if case.task.answer_only_loss:
        assert row.answer_start == len(prompt.input_ids)


@given(cut_row_cases(with_answer=True))
def test_the_prompt_of_a_cut_row_begins_it_too(case: RowCase):
    result = case.encode()
    assert isinstance(result, Example)
    assert result.cut
    prompt = case.example(case.kept(result), prompt=True)
    assert result.input_ids[: len(prompt.input_ids)] == prompt.input_ids


@given(row_cases(with_answer=True))
def test_a_prompt_does_not_depend_on_the_answer(case: RowCase):
    unanswered = {name: text for name, text in case.record.items() if name != ANSWER}
    assert case.encode(unanswered, prompt=True) == case.encode(prompt=True)


@given(row_cases())
def test_the_loss_mask_covers_the_answer_and_eos_or_all_text(case: RowCase):
    example = case.example()
    ids, start = example.input_ids, example.answer_start
    if case.task.answer_only_loss:
        assert start is not None
        assert example.loss_mask == tuple(at >= start for at in range(len(ids)))
    else:
        assert start is None
        assert example.loss_mask == tuple(token >= 0 for token in ids)


@given(row_cases().filter(lambda case: case.tokenizer_name in BYTE_TOKENIZERS))
def test_data_is_opaque(case: RowCase):
    """The row's text is the template's with each field put in once, as it is."""
    ids = case.example().input_ids
    text = [token for token in ids[case.add_bos : -1] if token >= 0]
    expected = ""
    for segment in parse_template(case.task.prompt_template).segments:
        if isinstance(segment, Field):
            expected += case.record[segment.name]
        elif isinstance(segment, Text):
            expected += segment.text
    decoded = case.tokenizer.decode(text)
    if case.tokenizer_name == "llama3_like":  # which normalizes
        decoded, expected = (unicodedata.normalize("NFC", t) for t in (decoded, expected))
    assert decoded.strip(" ") == expected.strip(" ")
    assert case.tokenizer.eos_id not in text


@given(row_cases())
def test_no_text_becomes_a_special_token(case: RowCase):
    tokenizer = case.tokenizer
    inside = case.example().input_ids[case.add_bos : -1]
    assert not {tokenizer.bos_id, tokenizer.eos_id} & set(inside)


@given(row_cases())
def test_encoding_changes_neither_record_nor_task(case: RowCase):
    record, task = copy.deepcopy(case.record), copy.deepcopy(case.task)
    case.encode()
    case.encode(prompt=True)
    assert (case.record, case.task) == (record, task)


@given(cut_row_cases(), row_cases())
def test_a_row_does_not_depend_on_its_neighbours(case: RowCase, other: RowCase):
    """And there is one result for each record, in order, in training and for prompts."""
    fields = [name for name in case.record if name != "unused"]
    second = {name: other.record.get(name, other.record["unused"]) for name in fields}
    encoder = RowEncoder(case.task, case.tokenizer, case.limit, case.add_bos)
    for prompt in (False, True):
        together = encoder.encode_batch([second, case.record, second], for_inference=prompt)
        alone = [case.encode(record, prompt=prompt) for record in (second, case.record)]
        assert together == [*alone, alone[0]]
