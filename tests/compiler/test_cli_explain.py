import json

import pytest

from softprompt_compiler.catalogue import RULES
from softprompt_compiler.report_schema import report_schema
from softprompt_compiler.schema import json_schema
from softprompt_compiler.spec.walk import all_fields
from tests.compiler.command_line import call


@pytest.mark.parametrize("topic", ["SP0007", "sp0007", "duplicate-key"])
def test_a_rule_is_found_by_code_and_by_name(
    topic: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "explain", topic)

    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.startswith("# SP0007 duplicate-key\n")


@pytest.mark.parametrize("topic", sorted(all_fields()))
def test_every_field_has_a_page(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "explain", topic)
    lines = outcome.out.splitlines()

    assert outcome.code == 0
    assert lines[0] == f"# {topic}"
    assert len(lines[2]) > 10, "no description"


def test_a_field_says_all_there_is_to_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "explain", "training.global_batch_size").out == (
        "# training.global_batch_size\n"
        "\n"
        "Rows of one optimizer step, over all devices; a multiple of `micro_batch_size` times the "
        "data-parallel size.\n"
        "\n"
        "- takes: a whole number of at least 1\n"
        "- default: `16`\n"
        "- rules: SP0231 batch-not-divisible\n"
        "- rules of its type: SP0103 wrong-type, SP0104 out-of-range\n"
        "\n"
        "```yaml\n"
        "training:\n"
        "  global_batch_size: 16\n"
        "```\n"
    )


def test_the_words_of_a_field_are_explained(capsys: pytest.CaptureFixture[str]) -> None:
    shown = call(capsys, "explain", "tasks.squad.truncate_side").out

    assert "\n- `middle`: Both ends stay.\n" in shown
    assert "\ntasks:\n  squad:\n    truncate_side: right\n" in shown


def test_a_task_may_be_called_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    named = call(capsys, "explain", "tasks.squad.answer_field").out
    general = call(capsys, "explain", "tasks.NAME.answer_field").out

    assert named == general.replace("NAME", "squad")


def test_what_must_be_given_has_no_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert "- default: none, it must be given" in call(capsys, "explain", "model.source").out


@pytest.mark.parametrize(
    ("topic", "meant"),
    [
        ("training.max_epoch", "training.max_epochs"),
        ("duplicate_key", "duplicate-key"),
        ("training.lr", "training.optim.lr"),
        ("lr", "training.optim.lr"),
        ("model.gpu", "parallelism.gpu"),
    ],
)
def test_a_slip_is_told_what_was_meant(
    topic: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, "explain", topic)

    assert (outcome.code, outcome.out) == (2, "")
    assert f"did you mean `{meant}`?" in outcome.err


@pytest.mark.parametrize("topic", ["", ".", "training.", "training.max_epochs.x", "../SP0007"])
def test_what_is_no_topic_is_refused(topic: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "explain", topic).code == 2


def test_every_rule_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert [code for code in RULES if call(capsys, "explain", code).code] == []


def test_the_schema_of_reports_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(call(capsys, "schema", "--report").out) == report_schema()
    assert json.loads(call(capsys, "schema").out) == json_schema()


def test_another_librarys_key_leads_to_ours(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "explain", "num_virtual_tokens")

    assert outcome.code == 2
    assert "PEFT calls this `num_virtual_tokens`; here it is `tasks.NAME" in outcome.err
