"""`python -m softprompt_runtime.predict` on rows that are in no split."""

import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.plan import Plan
from softprompt_plan.serialize import to_json
from softprompt_runtime import predict
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.predict import main
from tests.runtime.evaluations import make_evaluation
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import prepare_folder

ROWS: list[dict[str, Any]] = [{"text": "abab"}, {"text": "ab", "label": " x"}]


def write_input(folder: Path, name: str = "new.jsonl") -> Path:
    path = folder / name
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return path


def arguments(folder: Path, plan: Plan, rows: Path, *more: str) -> list[str]:
    path = folder / "plan.json"
    path.write_text(to_json(plan), "utf-8")
    return ["--plan", str(path), "--spec-folder", str(folder), "--input", str(rows), *more]


def test_rows_get_predictions_on_stdout(folder: Path, capsysbinary: Any) -> None:
    make_evaluation(tiny_plan(), folder)
    capsysbinary.readouterr()

    main(arguments(folder, tiny_plan(), write_input(folder)))

    first, second = map(json.loads, capsysbinary.readouterr().out.splitlines())
    assert (first["id"], first["line"], first["references"]) == ("mood:0", 1, [])
    assert second["references"] == [" x"]
    assert first["prompt"] == "<|VIRTUAL_PROMPT_0|>abab mood:"
    assert first["status"] == second["status"] == "ok"


def test_predict_equals_the_evaluation_of_the_same_rows(folder: Path, tmp_path: Path) -> None:
    evaluation = make_evaluation(tiny_plan(), folder)
    expected = evaluation.predict(evaluation.soft_prompt)
    output = tmp_path / "out" / "predictions.jsonl"
    rows = folder / "mood_test.jsonl"

    main(arguments(folder, tiny_plan(), rows, "--output", str(output)))

    found = [json.loads(line) for line in output.read_text("utf-8").splitlines()]
    assert [row["completion"] for row in found] == [p.completion for p in expected]
    assert [row["sum_logprob"] for row in found] == [p.sum_logprob for p in expected]


def test_a_path_with_signs_of_a_pattern_is_a_path(folder: Path, capsysbinary: Any) -> None:
    make_evaluation(tiny_plan(), folder)
    capsysbinary.readouterr()

    main(arguments(folder, tiny_plan(), write_input(folder, "new[1]*.jsonl")))

    assert len(capsysbinary.readouterr().out.splitlines()) == 2


def test_one_task_of_several_is_named(
    tmp_path: Path, capsysbinary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_folder(tmp_path, "first", "second")
    monkeypatch.setenv("SOFTPROMPT_RUNS", str(tmp_path / "runs"))
    plan = tiny_plan(tasks=(tiny_task("first"), tiny_task("second")))
    make_evaluation(plan, tmp_path)
    rows = write_input(tmp_path)
    capsysbinary.readouterr()

    main(arguments(tmp_path, plan, rows, "--task", "second"))

    assert b'"id": "second:1"' in capsysbinary.readouterr().out
    with pytest.raises(RunFailure, match="several tasks"):
        main(arguments(tmp_path, plan, rows))
    with pytest.raises(RunFailure, match="no task 'third'") as failure:
        main(arguments(tmp_path, plan, rows, "--task", "third"))
    assert failure.value.help == "Give --task, one of: first, second"


def test_what_is_missing_is_named(folder: Path) -> None:
    rows = write_input(folder)

    with pytest.raises(RunFailure, match="There is no file"):
        main(arguments(folder, tiny_plan(), folder / "absent.jsonl"))
    with pytest.raises(RunFailure, match="There is no trained soft prompt"):
        main(arguments(folder, tiny_plan(), rows))
    given = arguments(folder, tiny_plan(), rows)
    (folder / "plan.json").write_text("{}", "utf-8")
    with pytest.raises(RunFailure, match=r"plan\.json is not usable"):
        main(given)
    (folder / "plan.json").unlink()
    with pytest.raises(RunFailure, match=r"plan\.json cannot be read"):
        main(given)
    odd = write_input(folder, "${HOME}.jsonl")
    with pytest.raises(RunFailure, match="names a variable"):
        main(arguments(folder, tiny_plan(), odd))


def test_a_row_without_a_field_is_named_by_file_and_line(folder: Path) -> None:
    make_evaluation(tiny_plan(), folder)
    rows = folder / "broken.jsonl"
    rows.write_text('{"text": "a"}\n{"words": "b"}\n', "utf-8")

    with pytest.raises(RunFailure, match=r"broken\.jsonl:2: .*`text`"):
        main(arguments(folder, tiny_plan(), rows))


def test_as_a_script_a_users_mistake_is_a_message(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = arguments(folder, tiny_plan(), folder / "absent.jsonl")
    monkeypatch.setattr(sys, "argv", ["predict", *given])

    with pytest.raises(SystemExit) as stop:
        runpy.run_path(predict.__file__, run_name="__main__")

    assert stop.value.code == 1
    assert capsys.readouterr() == ("", f"error: There is no file {folder / 'absent.jsonl'}\n")
