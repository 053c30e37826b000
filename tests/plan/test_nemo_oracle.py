"""The judge of NeMo's rows is NeMo's, and where it is right our rows are its rows."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.example import Example, Unfit, UnfitReason
from softprompt_plan.vocabulary import TruncateSide
from tests.plan.nemo_cases import NemoCase, item, nemo_cases
from tests.plan.nemo_oracle import NemoDataSet, NemoRow
from tests.strategies import ANSWER, records, tasks
from tests.tokenizers_for_tests import byte_level_that_reads_special_tokens, sentence_piece

# Errors before any row is made: data that is neither records nor names of files.
_OF_NO_ROW = {"FileNotFoundError", "ValueError"}
_CASES = [case for regime in ("hf434", "hf2023", "spm") for case in nemo_cases(regime)]


def _data_set(case: NemoCase) -> NemoDataSet:
    spm = case.regime == "spm"
    return NemoDataSet(
        tokenizer=sentence_piece() if spm else byte_level_that_reads_special_tokens(),
        templates=case.templates,
        settings=case.settings,
        strips=case.regime == "hf2023",
    )


def _named(status: str) -> Any:
    cases = [case for case in _CASES if case.records and case.expected["status"] == status]
    cases = [case for case in cases if case.expected.get("error_type") not in _OF_NO_ROW]
    cases = [case for case in cases if case.expected.get("stage") != "load_task_templates"]
    return pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.regime}-{case.name}")


@_named("ok")
def test_the_judge_says_what_nemo_said(case: NemoCase):
    rows = [_data_set(case).row(record) for record in case.records]
    kept = [row for row in rows if row is not None]
    assert len(rows) - len(kept) == case.expected["n_skipped"]
    found = [
        {"input_ids": r.input_ids, "answer_start_idx": r.answer_start, "loss_mask": r.loss_mask}
        for r in kept
    ]
    assert found == [{key: row[key] for key in found[0]} for row in case.expected["items"]]
    written: dict[str, dict[str, str]] = {}
    for at, (record, row) in enumerate(zip(case.records, rows, strict=True)):
        field = case.templates[record["taskname"]]["truncate_field"]
        if row is not None and row.truncated not in (None, record.get(field)):
            written[str(at)] = {field: row.truncated}
    assert written.items() <= case.expected.get("truncated_field_text", {}).items()


@_named("error")
def test_the_judge_refuses_what_nemo_refused(case: NemoCase):
    errors = {"AssertionError": AssertionError, "KeyError": KeyError, "TypeError": TypeError}
    with pytest.raises(errors[case.expected["error_type"]]):
        _ = [_data_set(case).row(record) for record in case.records]


# What NeMo does not take for text.
_SYNTAX = ("{", "}", "<|VIRTUAL_PROMPT_", "<prompt_", "<|endoftext|>")


@st.composite
def _drawn(draw: st.DrawFn) -> NemoCase:
    """A case of NeMo's kind: one record of one task, all of its settings drawn."""
    task = draw(tasks().filter(lambda task: not {"{{", "}}"} & _pairs(task.prompt_template)))
    cut = task.truncate_fields[:1] if task.truncate_side is TruncateSide.RIGHT else ()
    for_train = draw(st.booleans())
    given = records(task).filter(
        lambda record: not any(s in "".join(record.values()) for s in _SYNTAX)
    )
    record = {name: text for name, text in draw(given).items() if name != "unused"}
    if not (for_train and task.answer_only_loss):
        for missing in draw(st.sets(st.sampled_from(sorted(record)))) if record else ():
            del record[missing]
    template = {
        "taskname": "drawn",
        "prompt_template": task.prompt_template,
        "total_virtual_tokens": task.num_virtual_tokens,
        "virtual_token_splits": list(task.virtual_token_splits),
        "truncate_field": cut[0] if cut else None,
        "answer_field": task.answer_field,
        "answer_only_loss": task.answer_only_loss,
    }
    settings = {
        "max_seq_length": draw(st.sampled_from([1024, 1024, 30, 60])),
        "min_seq_length": 1,
        "add_bos": draw(st.booleans()),
        "add_eos": draw(st.booleans()),
        "for_train": for_train,
    }
    return NemoCase(
        name="drawn",
        regime=draw(st.sampled_from(["hf434", "hf2023", "spm"])),
        category="drawn",
        note="",
        defects=frozenset(),
        templates={"drawn": template},
        records=[{"taskname": "drawn", **record}],
        files=[],
        settings=settings,
        expected={},
    )


def _pairs(text: str) -> set[str]:
    return {text[at : at + 2] for at in range(len(text))}


def _fault(case: NemoCase, row: NemoRow | None) -> str | None:
    """Which fault of NeMo's its row has, by name; None if it is right."""
    if row is None:
        return "dropped without a word"
    if row.truncated is not None:
        return "truncation: cut too much, BOS and EOS lost"
    template, record = case.templates["drawn"], case.records[0]
    if template["answer_field"] is not None:
        asked = {name: text for name, text in record.items() if name != ANSWER}
        at_inference = case.settings | {"for_train": False, "add_eos": False}
        prompt = _data_set(replace(case, settings=at_inference)).row(asked)
        if prompt is None or row.input_ids[: len(prompt.input_ids)] != prompt.input_ids:
            return "its own prompt does not begin its row"
        if row.answer_start is not None and row.answer_start != len(prompt.input_ids):
            return "the answer starts elsewhere"
    if not case.is_prompt(record) and not any(row.loss_mask[1:]):
        return "nothing to learn"
    return None


def _assert_differs_rightly(case: NemoCase, fault: str, ours: Example | Unfit) -> None:
    if isinstance(ours, Unfit):
        if ours.reason is not UnfitReason.NOTHING_TO_LEARN:
            assert ours.min_tokens > case.settings["max_seq_length"]
    else:
        assert fault != "nothing to learn"
        assert len(ours.input_ids) <= case.settings["max_seq_length"]


def test_drawn_rows_are_nemos_where_it_is_right():
    verdicts = Counter[str]()

    @given(_drawn())
    def compare(case: NemoCase) -> None:
        try:
            row = _data_set(case).row(case.records[0])
        except AssertionError:
            verdicts["refused by NeMo"] += 1
            return
        (ours,) = case.encode()
        fault = _fault(case, row)
        verdicts[fault or f"equal {case.regime}"] += 1
        if fault:
            _assert_differs_rightly(case, fault, ours)
        else:
            assert row is not None
            assert isinstance(ours, Example)
            assert item(ours) == {
                "input_ids": row.input_ids,
                "answer_start_idx": row.answer_start,
                "loss_mask": row.loss_mask,
            }

    compare()
    equal = sum(count for verdict, count in verdicts.items() if verdict.startswith("equal"))
    assert equal > 0.4 * verdicts.total(), verdicts
