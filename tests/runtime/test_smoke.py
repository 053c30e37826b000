import json
from dataclasses import replace
from pathlib import Path

import pytest

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import InitMethod, ModelSourceKind, ResumePolicy
from softprompt_runtime import run as run_module
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.mesh import single_process
from softprompt_runtime.run import open_run
from softprompt_runtime.smoke import asked_plan, is_smoke, smoke_plan, tiny_model_folder
from softprompt_runtime.tokenizer import load_tokenizer
from tests.runtime.plans import tiny_plan
from tests.tiny_model_folder import write_tiny_model


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    monkeypatch.setenv("SOFTPROMPT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SOFTPROMPT_RUNS", str(tmp_path / "runs"))
    write_tiny_model(tmp_path / "model")
    return tiny_plan(tmp_path / "model")


def test_a_plan_is_its_own_where_nothing_is_asked(plan: Plan) -> None:
    assert asked_plan(plan, {}) == plan
    assert asked_plan(plan, {"SOFTPROMPT_SMOKE": "0", "SOFTPROMPT_SEED": ""}) == plan
    assert not is_smoke({"SOFTPROMPT_SMOKE": "0"})


def test_another_seed_is_another_run(plan: Plan) -> None:
    asked = asked_plan(plan, {"SOFTPROMPT_SEED": "007", "SOFTPROMPT_SMOKE": "1"})

    assert asked.training == replace(plan.training, seed=7)
    assert asked.name == f"{plan.name}-seed-7-smoke"


@pytest.mark.parametrize("text", ["x", "-1", "1.5", str(2**32)])
def test_a_seed_that_is_none_is_refused(plan: Plan, text: str) -> None:
    with pytest.raises(RunFailure, match="SOFTPROMPT_SEED is"):
        asked_plan(plan, {"SOFTPROMPT_SEED": text})


def test_a_trial_is_the_same_run_but_small(plan: Plan, tmp_path: Path) -> None:
    trained = replace(
        plan.prompt_learning,
        init=replace(plan.prompt_learning.init, method=InitMethod.PROMPT, path="p"),
    )
    small = smoke_plan(replace(plan, prompt_learning=trained), tmp_path / "tiny")

    assert (small.training.max_epochs, small.training.max_steps) == (None, 3)
    assert small.training.resume is ResumePolicy.NEVER
    assert small.training.global_batch_size == plan.training.global_batch_size
    assert small.training.precision == plan.training.precision
    assert small.parallelism == plan.parallelism
    assert small.prompt_learning.init.method is InitMethod.RANDOM
    assert small.model.kind is ModelSourceKind.FOLDER
    for task in small.tasks:
        assert task.data.max_rows.train == 3 * plan.training.global_batch_size
        assert task.data.max_rows.test == 16


def test_the_tiny_model_can_be_shared_out_as_the_layout_says(plan: Plan, tmp_path: Path) -> None:
    layout = replace(plan.parallelism, tensor_model_parallel_size=4, pipeline_model_parallel_size=3)
    folder = tiny_model_folder(plan.model, layout, tmp_path)
    config = json.loads((folder / "config.json").read_text("utf-8"))

    assert config["num_attention_heads"] % 4 == config["num_key_value_heads"] % 4 == 0
    assert config["num_hidden_layers"] >= 3
    assert tiny_model_folder(plan.model, layout, tmp_path) == folder
    assert not list(folder.parent.glob(".building-*"))


def test_a_trial_has_a_folder_of_its_own_and_the_real_tokenizer(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = load_tokenizer(open_run(plan, spec_folder=tmp_path))
    monkeypatch.setenv("SOFTPROMPT_SMOKE", "1")
    run = open_run(plan, spec_folder=tmp_path)

    assert run.folder.name == f"{plan.name}-smoke"
    assert run.plan.training.max_steps == 3
    assert load_tokenizer(run).digest == real.digest


def test_any_process_of_several_can_write_the_tiny_model(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a process group, transformers saves on the first process only, without a word."""
    joined: list[bool] = []
    monkeypatch.setenv("SOFTPROMPT_SMOKE", "1")
    monkeypatch.setattr(
        run_module,
        "join_mesh",
        lambda _plan: joined.append(_has_tiny_model(tmp_path)) or single_process(),  # type: ignore[misc]
    )
    open_run(plan, spec_folder=tmp_path)

    assert joined == [True]


def _has_tiny_model(folder: Path) -> bool:
    return bool(list(folder.glob("cache/smoke/*/config.json")))
