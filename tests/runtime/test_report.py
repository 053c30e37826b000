"""The closing report, as text."""

import json
from pathlib import Path

import pytest

from softprompt_plan.vocabulary import Metric
from softprompt_runtime.predictions import write_predictions
from softprompt_runtime.report import print_report
from softprompt_runtime.run import Run
from softprompt_runtime.scores import score
from tests.runtime.evaluations import prediction
from tests.runtime.plans import tiny_plan, tiny_task


def a_run(folder: Path) -> Run:
    plan = tiny_plan(tasks=(tiny_task("mood[x]", metrics=(Metric.ACCURACY,)),))
    return Run(plan=plan, spec_folder=folder, folder=folder / "runs" / "tiny")


def report(run: Run, capsys: pytest.CaptureFixture[str], *, baseline: bool = True) -> str:
    tuned = [prediction(text, "x", task="mood[x]", id="mood:0") for text in "xxxxxxxxxz"]
    untuned = [prediction("z", "x", task="mood[x]", id="mood:0")] * 10
    write_predictions(run, tuned)
    scores = score(run, tuned=tuned, untuned=untuned if baseline else None)
    capsys.readouterr()
    print_report(run, scores)
    return capsys.readouterr().out


def write_history(run: Run) -> None:
    entries = [{"step": step, "loss": 4.0 / step} for step in range(1, 9)]
    run.folder.mkdir(parents=True)
    lines = [json.dumps(entry) + "\n" for entry in [*entries, {"step": 8, "val_loss": 0.7}]]
    (run.folder / "history.jsonl").write_text("".join(lines), "utf-8")


def test_the_report_shows_the_gain_the_curve_and_the_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = a_run(tmp_path)
    write_history(run)

    text = report(run, capsys)

    assert "mood[x]: 10 test rows\n" in text
    assert "| metric, % |" in text
    row = next(line for line in text.splitlines() if "accuracy" in line)
    assert [cell.strip() for cell in row.split("|")[1:-1]] == [
        "accuracy",
        "0.0 [0, 0]",
        "90.0 [70, 100]",
        "+90.0 [+70, +100]",
    ]
    assert "• loss  ◆ val_loss" in text
    assert "  predictions    runs/tiny/predictions.jsonl\n" in text
    assert "  metrics        runs/tiny/metrics.json\n" in text
    assert "checkpoints" not in text  # there are none
    assert "\x1b" not in text


def test_colours_are_for_terminals_that_want_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")
    coloured = report(a_run(tmp_path), capsys)
    monkeypatch.setenv("NO_COLOR", "1")
    plain = report(a_run(tmp_path), capsys)

    assert "\x1b[32m+90.0" in coloured
    assert "\x1b[32m" not in plain
    assert "| metric" not in coloured


def test_a_run_without_history_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No losses are recorded" in report(a_run(tmp_path), capsys)


def test_without_a_baseline_only_the_tuned_figures_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = report(a_run(tmp_path), capsys, baseline=False)

    assert "90.0 [70, 100]" in text
    assert "untuned" not in text


def test_rows_that_could_not_be_run_are_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = a_run(tmp_path)
    row = prediction("", "x", task="mood[x]", status="not_run", reason="too long")

    print_report(run, score(run, tuned=[row]))

    assert "1 test row, 1 of them could not be run" in capsys.readouterr().out
