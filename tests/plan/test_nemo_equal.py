"""Where NeMo is right, our rows are NeMo's: id for id, mask for mask, batch for batch."""

from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.example import (
    Example,
    RecordError,
    RecordErrorKind,
    RowEncoder,
    TemplateError,
    Unfit,
    UnfitReason,
)
from softprompt_plan.rows import Row, RowFault, read_rows
from softprompt_plan.template import FaultKind, parse_template
from tests.plan.nemo_cases import (
    NemoCase,
    collate_for_inference,
    collate_for_training,
    item,
    nemo_cases,
)
from tests.tokenizers_for_tests import END_OF_TEXT, byte_level

_CASES = [case for regime in ("hf434", "hf2023", "spm") for case in nemo_cases(regime)]
_RIGHT = [case for case in _CASES if not case.defects and case.expected["status"] == "ok"]
_REFUSED = [case for case in _CASES if not case.defects and case.expected["status"] == "error"]


def _named(cases: list[NemoCase]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.regime}-{case.name}")


def _expected_items(case: NemoCase) -> list[dict[str, Any]]:
    keys = ("input_ids", "answer_start_idx", "loss_mask")
    return [{key: found[key] for key in keys} for found in case.expected["items"]]


def test_the_cases_are_all_there():
    assert len(_RIGHT) == 2 * 95 + 40
    assert len(_REFUSED) == 2 * 27 + 1


@_named([case for case in _RIGHT if not case.files])
def test_an_untagged_case_is_equal(case: NemoCase):
    results = case.encode()
    assert all(isinstance(result, Example) for result in results)
    assert [item(found) for found in results if isinstance(found, Example)] == _expected_items(case)


@_named([case for case in _RIGHT if "collate_1_17" in case.expected])
def test_a_batch_of_an_untagged_case_is_equal(case: NemoCase):
    examples = [result for result in case.encode() if isinstance(result, Example)]
    for version in ("collate_1_17", "collate_1_20"):
        expected = case.expected[version]
        room = case.settings.get("tokens_to_generate")
        if room is None:
            batch = collate_for_training(
                examples,
                pad_id=expected["pad_id"],
                tensor_parallel=case.settings["tp_workers"],
                to_eight=version == "collate_1_20",
            )
        else:
            batch = collate_for_inference(
                examples, pad_id=expected["pad_id"], tokens_to_generate=room
            )
        assert batch == {key: expected[key] for key in batch}


@_named([case for case in _RIGHT if not case.settings["for_train"] and not case.files])
def test_a_prompt_begins_nemos_row(case: NemoCase):
    """The prompt that we generate from, whatever answer the record has."""
    for record, expected in zip(case.records, case.expected["items"], strict=True):
        (prompt,) = case.encoder(case.task(record)).encode_batch([record], for_inference=True)
        assert isinstance(prompt, Example)
        length = len(prompt.input_ids)
        assert list(prompt.input_ids) == expected["input_ids"][:length]
        if case.is_prompt(record):
            assert length == len(expected["input_ids"])


@_named([case for case in _RIGHT if case.files])
def test_the_rows_of_an_untagged_file_are_equal(case: NemoCase, tmp_path: Path):
    rows = list(_rows(case, tmp_path))
    assert all(isinstance(row, Row) for row in rows)
    found: list[Example | Unfit] = []
    for row in rows:
        assert isinstance(row, Row)
        record = {"taskname": "squad", **row.record}
        found += case.encoder(case.task(record)).encode_batch([record])
    assert [item(row) for row in found if isinstance(row, Example)] == _expected_items(case)


def _rows(case: NemoCase, folder: Path) -> list[Row | RowFault]:
    files = [folder / f"{at}.jsonl" for at in range(len(case.files))]
    for file, text in zip(files, case.files, strict=True):
        file.write_text(text, encoding="utf-8", newline="")
    needed = parse_template(case.templates["squad"]["prompt_template"]).fields
    return list(read_rows(files, task="squad", needed=needed))


# What refuses these rows or settings in our system is not the encoder of rows.
_REFUSED_ELSEWHERE = {
    "splits do not add up": "total_virtual_tokens is checked in the spec",
    "extra key in the example": "a column that no field uses harms nothing, and is counted",
    "min above max": "there is no lower limit",
    "max zero": "checked in the spec",
    "unknown task": "checked where rows are read",
    "taskname missing": "a file of one task needs no taskname",
    "json string line instead of dict is a file path": "checked where rows are read",
    "list of non-dict non-str": "checked where rows are read",
    "new_tasks with different totals": "every task has its own number of virtual tokens",
    "new_tasks names an unknown task": "checked in the spec",
}


_REFUSED_HERE = {
    "more splits than markers": {FaultKind.MARKER_MISSING},
    "fewer splits than markers": {FaultKind.SPLIT_MISSING},
    "answer field missing from the example": {RecordErrorKind.MISSING},
    "answer_field null with answer_only_loss": {FaultKind.ANSWER_FIELD_UNSET},
    "answer field not in template": {FaultKind.ANSWER_UNKNOWN},
    "truncate field equals answer field": {FaultKind.TRUNCATE_FIELD_IS_ANSWER},
    "answer field not last": {FaultKind.ANSWER_NOT_LAST},
    "trailing space after answer placeholder": {FaultKind.ANSWER_NOT_LAST},
    "virtual tokens fill the whole length": {UnfitReason.NOTHING_TO_CUT},
    "integer field value": {RecordErrorKind.NOT_TEXT},
    "null field value": {RecordErrorKind.NOT_TEXT},
    "list field value": {RecordErrorKind.NOT_TEXT},
    "nested braces": {FaultKind.UNCLOSED_FIELD, FaultKind.SINGLE_BRACE},
}


def _refusal(case: NemoCase) -> set[FaultKind] | set[RecordErrorKind] | set[UnfitReason]:
    try:
        results = case.encode()
    except TemplateError as error:
        return {fault.kind for fault in error.faults}
    except RecordError as error:
        return {error.kind}
    return {result.reason for result in results if isinstance(result, Unfit)}


@_named([case for case in _REFUSED if not case.files and case.note not in _REFUSED_ELSEWHERE])
def test_what_nemo_refuses_is_refused_with_its_reason(case: NemoCase):
    assert _refusal(case) == _REFUSED_HERE[case.note]


# JSON that NeMo cannot read, and we can: blank lines and a byte-order mark are not in the way.
_READ_ALL_THE_SAME = {"blank line in the middle", "blank line at the end", "BOM"}


@_named([case for case in _REFUSED if case.files])
def test_a_file_that_nemo_refuses_is_read_or_reported(case: NemoCase, tmp_path: Path):
    rows = _rows(case, tmp_path)
    if case.note in _READ_ALL_THE_SAME:
        assert all(isinstance(row, Row) for row in rows)
        assert rows
    else:
        assert any(isinstance(row, RowFault) for row in rows)


def test_special_token_text_in_data_is_text_unlike_nemos():
    case = next(case for case in nemo_cases("hf434") if case.name == "A-0270")
    record = case.records[0]
    encoder = RowEncoder(case.task(record), byte_level(), 1024, add_bos=False)
    (example,) = encoder.encode_batch([record])
    assert isinstance(example, Example)
    assert END_OF_TEXT not in example.input_ids[:-1]
    assert END_OF_TEXT in case.expected["items"][0]["input_ids"][:-1]
    text = byte_level().decode([token for token in example.input_ids[:-1] if token >= 0])
    assert "Context: a <|endoftext|> b\n" in text
