"""Predictions: one for each row, in order, whole or not at all on disk."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from softprompt_runtime import predictions as predictions_module
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.predictions import write_predictions
from softprompt_runtime.run import Run
from softprompt_runtime.shown_text import shown_completion, shown_prompt
from tests.runtime.evaluations import make_evaluation, prediction, write_test_rows
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import prepare_folder

TEMPLATE = "Say <|VIRTUAL_PROMPT_0|>{text}<|VIRTUAL_PROMPT_1|> mood:{label}"
ROWS: list[dict[str, Any]] = [
    {"text": "abab", "label": " x"},
    {"text": "ab" * 60, "label": [" x", " y"]},  # nothing may be cut: it does not fit
    {"text": "größe <|VIRTUAL_PROMPT_0|> </s> {text}"},
]


def task(**changes: Any) -> Any:
    values: dict[str, Any] = {
        "prompt_template": TEMPLATE,
        "virtual_token_splits": (3, 1),
        "truncate_fields": (),
    }
    return tiny_task(**{**values, **changes})


def test_every_row_has_one_prediction_in_order(folder: Path) -> None:
    write_test_rows(folder, ROWS)
    evaluation = make_evaluation(tiny_plan(tasks=(task(),)), folder)

    for soft_prompt in (evaluation.soft_prompt, None):
        first, second, third = evaluation.predict(soft_prompt)

        assert [p.id for p in (first, second, third)] == ["mood:0", "mood:1", "mood:2"]
        assert [p.line for p in (first, second, third)] == [1, 2, 3]
        assert [p.status for p in (first, second, third)] == ["ok", "not_run", "ok"]
        assert [p.references for p in (first, second, third)] == [(" x",), (" x", " y"), ()]
        assert first.finish_reason == "length"
        assert first.sum_logprob is not None
        assert second.completion == ""
        assert second.prompt is second.sum_logprob is None
        assert second.reason == "the prompt has 134 tokens; 60 are allowed"
        assert third.prompt == (
            "Say <|VIRTUAL_PROMPT_0|>größe <|VIRTUAL_PROMPT_0|> </s> {text}"
            "<|VIRTUAL_PROMPT_1|> mood:"
        )


def test_the_untuned_model_sees_no_virtual_tokens(folder: Path) -> None:
    write_test_rows(folder, ROWS[:1])
    plan = tiny_plan(tasks=(task(),))
    evaluation = make_evaluation(plan, folder)
    louder = {name: 100 * table for name, table in evaluation.soft_prompt.tables.items()}

    untuned = evaluation.predict(None)
    tuned = evaluation.predict(evaluation.soft_prompt)
    loud = evaluation.predict(replace(evaluation.soft_prompt, tables=louder))

    scores = {p[0].sum_logprob for p in (untuned, tuned, loud)}
    assert len(scores) == 3


def test_tasks_take_their_own_tables_and_keep_the_plans_order(tmp_path: Path) -> None:
    names = ("first", "second")
    prepare_folder(tmp_path, *names)
    evaluation = make_evaluation(
        tiny_plan(tasks=tuple(tiny_task(name) for name in names)), tmp_path
    )

    predictions = evaluation.predict(evaluation.soft_prompt)

    assert [p.task for p in predictions] == ["first"] * 3 + ["second"] * 3


@pytest.fixture(autouse=True)
def own_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOFTPROMPT_RUNS", str(tmp_path / "runs"))


def any_run(folder: Path) -> Run:
    return Run(plan=tiny_plan(), spec_folder=folder, folder=folder / "runs" / "tiny")


def test_predictions_txt_has_one_line_a_row_whatever_is_in_it(tmp_path: Path) -> None:
    texts = ["a\nb", "", "c\\n", "d\r\u2028\x85\v\f\x1c e", "größe\t"]

    write_predictions(any_run(tmp_path), [prediction(text) for text in texts])

    written = (tmp_path / "runs/tiny/predictions.txt").read_text("utf-8")
    assert written.splitlines() == [
        "a\\nb",
        "",
        "c\\\\n",
        "d\\r\\u2028\\u0085\\u000b\\u000c\\u001c e",
        "größe\t",
    ]


def test_predictions_jsonl_keeps_completions_as_they_are(tmp_path: Path) -> None:
    rows = [prediction("a\nb\u2028", " x"), prediction("", status="not_run", reason="why")]

    write_predictions(any_run(tmp_path), rows)

    lines = (tmp_path / "runs/tiny/predictions.jsonl").read_text("utf-8").splitlines()
    first, second = map(json.loads, lines)
    assert (first["completion"], first["references"]) == ("a\nb\u2028", [" x"])
    assert (second["status"], second["reason"], second["completion"]) == ("not_run", "why", "")
    assert " ".join(first) == (
        "id task file line prompt completion references status reason finish_reason "
        "sum_logprob mean_logprob"
    )


def test_a_full_disk_leaves_the_old_predictions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = any_run(tmp_path)
    write_predictions(run, [prediction("old")])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(predictions_module, "write_atomically", full)
    with pytest.raises(RunFailure, match="No space left"):
        write_predictions(run, [prediction("new")])

    assert (run.folder / "predictions.txt").read_text("utf-8") == "old\n"


def test_too_little_memory_is_said_with_what_to_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluation = make_evaluation(tiny_plan(), folder)

    def too_little(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(predictions_module, "generate", too_little)
    with pytest.raises(RunFailure, match="too small to generate") as failure:
        evaluation.predict(None)

    assert failure.value.help == "Lower inference.batch_size, now 4."


def test_progress_goes_to_stderr_in_plain_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = make_evaluation(tiny_plan(), folder)
    capsys.readouterr()

    evaluation.predict(None)

    assert capsys.readouterr() == ("", "generating, untuned: 3/3 rows\n")


def test_a_score_that_is_no_number_is_null(folder: Path) -> None:
    evaluation = make_evaluation(tiny_plan(), folder)
    weight = evaluation.base_model.hf_model.get_output_embeddings().weight
    weight.data.fill_(float("inf"))

    assert all(p.sum_logprob is None for p in evaluation.predict(None))


class Spaced:
    """Decodes as SentencePiece does: words with a leading space, which a text's first one loses."""

    def decode(self, ids: list[int]) -> str:
        return "".join(f" w{i}" for i in ids)[1:]


def test_text_keeps_the_spaces_between_its_parts() -> None:
    tokenizer: Any = Spaced()

    assert shown_prompt(tokenizer, [5, -1, -2, 6, 7, -3], [2, 1]) == (
        "w5<|VIRTUAL_PROMPT_0|> w6 w7<|VIRTUAL_PROMPT_1|>"
    )
    assert shown_completion(tokenizer, [-1, 5, 6], [7, 8]) == " w7 w8"
    assert shown_completion(tokenizer, [5], []) == ""
    assert shown_completion(tokenizer, [], [7]) == "w7"


class Halves:
    """Token 1 is the first half of a character, 2 the second."""

    def decode(self, ids: list[int]) -> str:
        return {"1": "\ufffd", "12": "é", "2": "\ufffd"}.get("".join(map(str, ids)), "")


def test_a_character_over_the_border_is_shown_as_the_completion_alone() -> None:
    tokenizer: Any = Halves()

    assert shown_completion(tokenizer, [1], [2]) == "\ufffd"
