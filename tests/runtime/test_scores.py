"""Scores: tuned beside untuned on the same rows, with paired intervals."""

import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.vocabulary import Metric
from softprompt_runtime.predictions import Prediction
from softprompt_runtime.run import Run
from softprompt_runtime.scores import TaskScores, score
from tests.runtime.evaluations import prediction
from tests.runtime.plans import tiny_plan, tiny_task


def a_run(folder: Path, *metrics: Metric, tasks: tuple[str, ...] = ("mood",)) -> Run:
    plan = tiny_plan(tasks=tuple(tiny_task(name, metrics=metrics) for name in tasks))
    return Run(plan=plan, spec_folder=folder, folder=folder)


def rows(completions: str, references: str, **changes: Any) -> list[Prediction]:
    """One row a letter; `-` is a row without reference."""
    return [
        prediction(text, *(() if wanted == "-" else (wanted,)), **{"id": f"mood:{at}", **changes})
        for at, (text, wanted) in enumerate(zip(completions, references, strict=True))
    ]


def only(folder: Path, tuned: list[Prediction], *metrics: Metric) -> TaskScores:
    (task,) = score(a_run(folder, *metrics), tuned=tuned).tasks
    return task


def test_the_gain_is_the_difference_on_the_same_rows(tmp_path: Path) -> None:
    references = "xy" * 50
    tuned, untuned = rows("x" * 100, references), rows("z" * 100, references)

    scores = score(a_run(tmp_path, Metric.ACCURACY), tuned=tuned, untuned=untuned)

    (metric,) = scores.tasks[0].metrics
    assert metric.tuned.value == 50
    assert metric.untuned is not None
    assert metric.gain is not None
    assert (metric.untuned.value, metric.untuned.low, metric.untuned.high) == (0, 0, 0)
    assert (metric.gain.low, metric.gain.value, metric.gain.high) == (
        metric.tuned.low,
        50,
        metric.tuned.high,
    )
    assert 38 < metric.tuned.low < 42
    assert 58 < metric.tuned.high < 62


def test_paired_rows_make_the_gain_surer_than_its_parts(tmp_path: Path) -> None:
    references = "x" * 100
    untuned = rows("x" * 50 + "z" * 50, references)
    tuned = rows("x" * 60 + "z" * 40, references)

    scores = score(a_run(tmp_path, Metric.ACCURACY), tuned=tuned, untuned=untuned)

    (metric,) = scores.tasks[0].metrics
    assert metric.gain is not None
    assert metric.gain.low > 3
    assert metric.gain.high - metric.gain.low < metric.tuned.high - metric.tuned.low


def test_metrics_json_holds_every_figure(tmp_path: Path) -> None:
    run = a_run(tmp_path, Metric.EXACT_MATCH, Metric.F1, tasks=("mood", "other"))
    tuned = [*rows("xx", "xy"), *rows("z", "z", task="other", id="other:0")]

    score(run, tuned=tuned, untuned=tuned)

    written = json.loads((tmp_path / "metrics.json").read_text("utf-8"))
    assert list(written["tasks"]) == ["mood", "other"]
    mood = written["tasks"]["mood"]
    assert {key: mood[key] for key in ("rows", "scored", "not_run", "notes")} == {
        "rows": 2,
        "scored": 2,
        "not_run": 0,
        "notes": [],
    }
    assert list(mood["metrics"]) == ["exact_match", "f1"]
    assert list(mood["metrics"]["f1"]) == ["tuned", "untuned", "gain"]
    assert mood["metrics"]["f1"]["tuned"]["value"] == 50
    assert written["tasks"]["other"]["metrics"]["f1"]["gain"] == {"value": 0, "low": 0, "high": 0}
    assert (written["format"], written["unit"]) == (1, "percent")


def test_equal_runs_write_equal_bytes(tmp_path: Path) -> None:
    run = a_run(tmp_path, Metric.MACRO_F1)
    score(run, tuned=rows("xyzx", "xyxx"))
    first = (tmp_path / "metrics.json").read_bytes()

    score(run, tuned=rows("xyzx", "xyxx"))

    assert (tmp_path / "metrics.json").read_bytes() == first


def test_a_row_that_was_not_run_counts_as_wrong(tmp_path: Path) -> None:
    tuned = [*rows("x", "x"), *rows(" ", "x", status="not_run", id="mood:9")]

    task = only(tmp_path, tuned, Metric.ACCURACY)

    assert (task.rows, task.scored, task.not_run) == (2, 2, 1)
    assert task.metrics[0].tuned.value == 50


def test_without_answers_nothing_is_measured_and_that_is_said(tmp_path: Path) -> None:
    task = only(tmp_path, rows("xy", "--"), Metric.ACCURACY)

    assert task.metrics == ()
    assert "have no answers" in task.notes[0]


def test_rows_without_an_answer_do_not_count_and_that_is_said(tmp_path: Path) -> None:
    task = only(tmp_path, rows("xxy", "x-x"), Metric.ACCURACY)

    assert task.metrics[0].tuned.value == 50
    assert task.notes == ("1 of 3 rows have no answer and do not count.",)


def test_a_task_without_test_rows_is_said_to_have_none(tmp_path: Path) -> None:
    assert only(tmp_path, [], Metric.ACCURACY).notes == ("There are no test rows.",)


def test_slot_f1_needs_answers_with_slots(tmp_path: Path) -> None:
    without = only(tmp_path, rows("x", "x"), Metric.SLOT_F1)
    answer = "Intent: set\nSlots: time(six)"
    with_slots = only(tmp_path, [prediction("Intent: set\nSlots: None", answer)], Metric.SLOT_F1)

    assert without.metrics == ()
    assert without.notes[0].startswith("slot_f1 is left out")
    assert {m.name: m.tuned.value for m in with_slots.metrics} == {
        "slot_f1": 0,
        "intent_accuracy": 100,
    }


def test_predictions_of_other_rows_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different rows"):
        score(a_run(tmp_path), tuned=rows("xy", "xy"), untuned=rows("x", "x"))
