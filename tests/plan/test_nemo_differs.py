"""Where NeMo is wrong, our rows differ, in the way that each defect asks for.

One test a defect of the golden files; the defect's name is in the test's name.
"""

import copy
from dataclasses import replace
from typing import Any

import pytest

from softprompt_plan.example import Example, RowEncoder, TemplateError, Unfit, UnfitReason
from softprompt_plan.template import FaultKind, parse_template
from tests.plan.nemo_cases import NemoCase, item, nemo_cases

_CASES = [case for regime in ("hf434", "spm") for case in nemo_cases(regime) if case.defects]


def _with_defect(*defects: str) -> Any:
    """The cases that have any of the defects. A case whose template is refused is not encoded."""
    cases = [case for case in _CASES if case.defects & set(defects)]
    return pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.regime}-{case.name}")


def _outcomes(case: NemoCase) -> list[tuple[dict[str, Any], Example | Unfit | TemplateError]]:
    """What becomes of each record."""
    outcomes: list[tuple[dict[str, Any], Example | Unfit | TemplateError]] = []
    for record in case.records:
        alone = replace(case, records=[record])
        try:
            outcomes += [(record, result) for result in alone.encode()]
        except TemplateError as error:
            outcomes.append((record, error))
    assert len(outcomes) == len(case.records)
    return outcomes


def _examples(case: NemoCase) -> list[tuple[dict[str, Any], Example]]:
    outcomes = _outcomes(case)
    return [(record, found) for record, found in outcomes if isinstance(found, Example)]


def _refused(case: NemoCase) -> bool:
    """Truncating the answer, or a field that is nowhere, is refused for the whole task."""
    return all(isinstance(found, TemplateError) for _, found in _outcomes(case))


def _kept(record: dict[str, Any], example: Example) -> dict[str, Any]:
    """The record with what the example lost left out."""
    kept = dict(record)
    for (field, _), (start, end) in zip(example.cut, example.cut_spans, strict=True):
        kept[field] = record[field][:start] + record[field][end:]
    return kept


def _roomy(case: NemoCase, record: dict[str, Any]) -> RowEncoder:
    roomy = replace(case, settings=case.settings | {"max_seq_length": 100_000})
    return roomy.encoder(case.task(record))


@_with_defect("caller_dict_mutated")
def test_caller_dict_mutated(case: NemoCase):
    before = copy.deepcopy(case.records)
    _outcomes(case)
    assert case.records == before


@_with_defect("truncation_loses_eos")
def test_truncation_loses_eos(case: NemoCase):
    eos = case.tokenizer.eos_id
    assert _refused(case) or any(found for _, found in _outcomes(case))
    for _, example in _examples(case):
        assert example.input_ids[-1] == eos
        assert example.loss_mask[-1]
    assert [item(found) for _, found in _examples(case)] != case.expected["items"]


@_with_defect("truncation_loses_bos")
def test_truncation_loses_bos(case: NemoCase):
    for _, example in _examples(case):
        assert example.input_ids[0] == case.tokenizer.bos_id


@_with_defect("truncation_loses_eos", "truncation_loses_bos", "cuts_more_than_needed")
def test_cuts_more_than_needed(case: NemoCase):
    limit = case.settings["max_seq_length"]
    for record, example in _examples(case):
        assert len(example.input_ids) <= limit
        if not example.cut:
            continue
        kept = _kept(record, example)
        (again,) = _roomy(case, record).encode_batch([kept])
        assert isinstance(again, Example)
        assert again.input_ids == example.input_ids
        # The text up to the end of the next token of the full row no longer fits.
        ((field, _),) = example.cut
        for longer in _one_token_more(case, record, field, example.cut_spans[0]):
            (too_long,) = _roomy(case, record).encode_batch([longer])
            assert isinstance(too_long, Example)
            assert len(too_long.input_ids) > limit


def _one_token_more(
    case: NemoCase, record: dict[str, Any], field: str, span: tuple[int, int]
) -> list[dict[str, Any]]:
    """The record whose field keeps one more token, if its text alone has the same tokens there."""
    text, start = record[field], span[0]
    (encoding,) = case.tokenizer.encode_batch([text])
    ends = [0, *dict.fromkeys(end for _, end in encoding.offsets)]
    if start not in ends[:-1]:
        return []
    return [{**record, field: text[: ends[ends.index(start) + 1]]}]


def test_most_cuts_are_compared_with_a_smaller_one():
    cases = [case for case in _CASES if "truncation_loses_eos" in case.defects]
    longer = [
        _one_token_more(case, record, example.cut[0][0], example.cut_spans[0])
        for case in cases
        for record, example in _examples(case)
        if example.cut
    ]
    assert sum(map(bool, longer)) > 0.9 * len(longer)


@_with_defect("answer_start_misaligned")
def test_answer_start_misaligned(case: NemoCase):
    for record, example in _examples(case):
        start, eos = example.answer_start, case.settings["add_eos"]
        assert start is not None
        kept = _kept(record, example)
        (prompt,) = _roomy(case, record).encode_batch([kept], for_inference=True)
        assert isinstance(prompt, Example)
        assert example.input_ids[:start] == prompt.input_ids
        end = len(example.input_ids) - eos
        answer = case.templates[record["taskname"]]["answer_field"]
        (alone,) = case.tokenizer.encode_batch([record[answer]])
        expected = case.tokenizer.decode(alone.ids).strip(" ")
        assert case.tokenizer.decode(example.input_ids[start:end]).strip(" ") == expected
        assert example.loss_mask == (False,) * start + (True,) * (end + eos - start)


@_with_defect("train_example_silently_dropped", "inference_example_silently_dropped")
def test_example_silently_dropped(case: NemoCase):
    """Every record has an outcome, and what is left out says why, with its numbers."""
    limit = case.settings["max_seq_length"]
    for _, found in _outcomes(case):
        if isinstance(found, Unfit):
            assert found.num_tokens >= found.min_tokens > limit
            assert found.reason in (UnfitReason.CUT_TOO_LITTLE, UnfitReason.NOTHING_TO_CUT)
        elif isinstance(found, TemplateError):
            assert {fault.kind for fault in found.faults} == {FaultKind.TRUNCATE_FIELD_UNKNOWN}
        else:
            assert len(found.input_ids) <= limit


@_with_defect("virtual_token_count_wrong", "marker_text_left_in_prompt")
def test_virtual_tokens_are_all_there_once(case: NemoCase):
    """Whatever data says; and a template whose markers are not 0 .. n-1 is refused."""
    for record, found in _outcomes(case):
        template = case.templates[record["taskname"]]
        if isinstance(found, TemplateError):
            kinds = {fault.kind for fault in found.faults}
            assert kinds <= {FaultKind.MARKER_REPEATED, FaultKind.MARKER_OUT_OF_RANGE}
            assert kinds
            continue
        assert isinstance(found, Example)
        virtual = [token for token in found.input_ids if token < 0]
        assert virtual == [-1 - k for k in range(template["total_virtual_tokens"])]


@_with_defect("field_text_can_inject_template_syntax")
def test_field_text_can_inject_template_syntax(case: NemoCase):
    """The text of the row is the template with its fields filled in once."""
    for record, example in _examples(case):
        template = parse_template(case.templates[record["taskname"]]["prompt_template"])
        text = ""
        for segment in template.segments:
            name = getattr(segment, "name", None)
            text += getattr(segment, "text", "") if name is None else record[name]
        ids = [token for token in example.input_ids if token >= 0]
        decoded = case.tokenizer.decode(ids[:-1])
        assert decoded == text
        assert ids[-1] == case.tokenizer.eos_id


@_with_defect("broken_character_after_truncation")
def test_broken_character_after_truncation(case: NemoCase):
    for record, example in _examples(case):
        ((field, _),) = example.cut
        kept = _kept(record, example)[field]
        assert record[field].startswith(kept)
        ids = [token for token in example.input_ids if token >= 0]
        decoded = case.tokenizer.decode(ids)
        assert "\ufffd" not in decoded
        assert kept in decoded


@_with_defect("no_token_in_loss")
def test_no_token_in_loss(case: NemoCase):
    for _, found in _outcomes(case):
        assert isinstance(found, Unfit)
        assert found.reason is UnfitReason.NOTHING_TO_LEARN


def test_every_defect_has_its_test():
    tested = {
        "caller_dict_mutated",
        "truncation_loses_eos",
        "truncation_loses_bos",
        "cuts_more_than_needed",
        "answer_start_misaligned",
        "train_example_silently_dropped",
        "inference_example_silently_dropped",
        "virtual_token_count_wrong",
        "marker_text_left_in_prompt",
        "field_text_can_inject_template_syntax",
        "broken_character_after_truncation",
        "no_token_in_loss",
    }
    assert {defect for case in _CASES for defect in case.defects} == tested
