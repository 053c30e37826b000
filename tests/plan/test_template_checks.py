"""Templates beside their tasks."""

from typing import Any

import pytest

from softprompt_plan.template import FaultKind, TemplateFault, parse_template
from softprompt_plan.template_checks import TemplateError, check_template, fatal_faults
from tests.task_plans import SQUAD


def _check(text: str = SQUAD, **changes: Any) -> list[TemplateFault]:
    task: dict[str, Any] = {
        "virtual_token_splits": (3,),
        "answer_field": "answer",
        "answer_only_loss": True,
        "truncate_fields": ("context",),
    }
    return check_template(parse_template(text), **(task | changes))


def _kinds(faults: list[TemplateFault]) -> list[FaultKind]:
    return [fault.kind for fault in faults]


def _places(text: str, faults: list[TemplateFault]) -> list[str]:
    return [text[fault.start : fault.end] for fault in faults]


def test_a_right_task_has_no_faults():
    assert _check() == []


def test_every_split_has_its_marker_and_every_marker_its_split():
    assert _kinds(_check(virtual_token_splits=(3, 2, 1))) == [FaultKind.MARKER_MISSING] * 2
    text = "<|VIRTUAL_PROMPT_1|>" + SQUAD
    faults = _check(text)
    assert _kinds(faults) == [FaultKind.SPLIT_MISSING]
    assert _places(text, faults) == ["<|VIRTUAL_PROMPT_1|>"]


def test_splits_that_are_not_said_are_not_compared():
    assert _check("<|VIRTUAL_PROMPT_1|>" + SQUAD, virtual_token_splits=None) == []


def test_misnumbered_markers_are_told_once_by_the_parser():
    text = "<|VIRTUAL_PROMPT_5|> {context}{answer}"
    assert len(parse_template(text).faults) == 1
    assert _check(text, virtual_token_splits=(3,)) == []


def test_the_answer_must_be_in_the_template():
    faults = _check(answer_field="reply")
    assert _kinds(faults) == [FaultKind.ANSWER_UNKNOWN]
    assert faults[0].field == "reply"


def test_loss_on_answers_needs_an_answer_field():
    assert _kinds(_check(answer_field=None)) == [FaultKind.ANSWER_FIELD_UNSET]
    assert _check(answer_field=None, answer_only_loss=False) == []


@pytest.mark.parametrize("after", [" ", "\n", " and {question}", "<|VIRTUAL_PROMPT_1|>"])
def test_with_loss_on_answers_nothing_follows_the_answer(after: str):
    text = "<|VIRTUAL_PROMPT_0|>{context} A:{answer}" + after
    faults = _check(text, virtual_token_splits=(3, 1) if "1" in after else (3,))
    assert faults[0].kind is FaultKind.ANSWER_NOT_LAST
    assert _places(text, faults[:1]) == [after]


def test_with_loss_on_all_text_something_may_follow_the_answer():
    text = "<|VIRTUAL_PROMPT_0|>{context} A:{answer}\n"
    assert _check(text, answer_only_loss=False) == []


def test_no_marker_follows_the_answer():
    text = "<|VIRTUAL_PROMPT_0|>{context} A:{answer}<|VIRTUAL_PROMPT_1|>"
    faults = _check(text, answer_only_loss=False, virtual_token_splits=(3, 1))
    assert _kinds(faults) == [FaultKind.MARKER_AFTER_ANSWER]
    assert _places(text, faults) == ["<|VIRTUAL_PROMPT_1|>"]


def test_the_answer_stands_once():
    text = "<|VIRTUAL_PROMPT_0|>{answer} {context} A:{answer}"
    faults = _check(text)
    assert _kinds(faults) == [FaultKind.ANSWER_REPEATED]
    assert faults[0].start == text.rindex("{answer}")


@pytest.mark.parametrize("space", ["  ", "\t", "\n\n", " \n", "\n ", "\u00a0"])
def test_white_space_that_tokenizers_punish_is_told_with_its_place(space: str):
    text = f"<|VIRTUAL_PROMPT_0|>{{context}} A:{space}{{answer}}"
    faults = _check(text)
    assert _kinds(faults) == [FaultKind.SPACE_BEFORE_ANSWER]
    assert _places(text, faults) == [space]


@pytest.mark.parametrize("space", ["", " ", "\n"])
def test_white_space_that_is_common_is_no_fault(space: str):
    assert _check(f"<|VIRTUAL_PROMPT_0|>{{context}} A:{space}{{answer}}") == []


def test_doubled_braces_do_not_shift_the_place_of_white_space():
    text = "<|VIRTUAL_PROMPT_0|>{context} {{A}}:  {answer}"
    assert _places(text, _check(text)) == ["  "]


def test_truncate_fields_are_fields_of_the_template_but_not_the_answer():
    faults = _check(truncate_fields=("context", "nowhere", "answer"))
    assert [(fault.kind, fault.field) for fault in faults] == [
        (FaultKind.TRUNCATE_FIELD_UNKNOWN, "nowhere"),
        (FaultKind.TRUNCATE_FIELD_IS_ANSWER, "answer"),
    ]


def test_only_faults_that_make_rows_wrong_are_fatal():
    template = parse_template("{ a } {} {b:c}  {answer}")
    faults = [
        *template.faults,
        *check_template(
            template,
            virtual_token_splits=(),
            answer_field="answer",
            answer_only_loss=True,
            truncate_fields=(),
        ),
    ]
    assert len(faults) == 5
    assert fatal_faults(faults) == []
    unclosed = parse_template("{a").faults
    assert [fault.kind for fault in fatal_faults(unclosed)] == [FaultKind.UNCLOSED_FIELD]


def test_an_error_says_all_its_faults():
    faults = parse_template("} {a").faults
    assert str(TemplateError(fatal_faults(faults))).count("literal brace") == 2
