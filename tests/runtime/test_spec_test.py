"""The runtime's half of `spec test`: its checks pass, and each fails when it should."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import (
    Accelerator,
    CheckStatus,
    EncoderType,
    InitMethod,
    ModelDtype,
    Precision,
    PromptStyle,
)
from softprompt_runtime.lightning_module import PromptTraining
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.run import RUNS_VARIABLE, open_run
from softprompt_runtime.spec_test import (
    command,
    generation_checks,
    resume_check,
    tiny_run,
    training_checks,
)
from softprompt_runtime.spec_test.check import CheckFailed, CheckResult, CheckSkipped
from softprompt_runtime.spec_test.generation_checks import check_batch_sizes, check_predictions
from softprompt_runtime.spec_test.resume_check import (
    check_kill_and_resume,
    difference,
    start_killed_training,
)
from softprompt_runtime.spec_test.tiny_model import WIDTH, shrunk, write_tiny_model
from softprompt_runtime.spec_test.tiny_run import TinyRun, tiny_plan
from softprompt_runtime.spec_test.training_checks import check_saved_prompt, check_training_steps
from softprompt_runtime.tokenizer import load_tokenizer
from tests.runtime.plans import tiny_plan as plan_of
from tests.runtime.plans import tiny_task
from tests.runtime.training_runs import write_rows

PROMPT_TUNING: dict[str, Any] = {
    "prompt_learning": {"virtual_prompt_style": PromptStyle.PROMPT_TUNING, "encoder": None}
}
PLANS: dict[str, Plan] = {
    "prompt-tuning": plan_of(sections=PROMPT_TUNING),
    "mlp": plan_of(),
    "lstm": plan_of(sections={"encoder": {"type": EncoderType.LSTM, "dropout": 0.3}}),
    "two tasks": plan_of(tasks=(tiny_task(), tiny_task("tone"))),
}


@pytest.fixture
def spec_folder(folder: Path) -> Path:
    write_rows(folder, "tone")
    return folder


def make_tiny(spec_folder: Path, plan: Plan | None = None) -> TinyRun:
    """A spec's run on a model that is tinier than the tiny model it names."""
    plan = PLANS["prompt-tuning"] if plan is None else plan
    run = open_run(plan, spec_folder=spec_folder)
    write_tiny_model(spec_folder / "model", spec_folder / "tinier")
    small = tiny_plan(plan, spec_folder / "tinier")
    return TinyRun(small, spec_folder, load_tokenizer(run))


@pytest.fixture
def tiny(spec_folder: Path) -> TinyRun:
    return make_tiny(spec_folder)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANS)
def test_every_check_passes_for_every_kind_of_prompt(
    kind: str, spec_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    monkeypatch.setenv(RUNS_VARIABLE, str(out / "runs"))
    found = list(command.results(PLANS[kind], spec_folder, out, command.NAMES))

    assert [
        (each.name, each.status, each.detail) for each in found if each.status != "passed"
    ] == []
    assert [each.name for each in found] == list(command.NAMES)
    assert all(each.detail for each in found)


def test_the_plan_keeps_what_the_spec_says_about_rows_and_prompts() -> None:
    plan = plan_of(
        sections={
            "encoder": {"type": EncoderType.LSTM, "hidden_size": 4096},
            "init": {"method": InitMethod.PROMPT, "path": "p"},
            "model": {"dtype": ModelDtype.BFLOAT16},
            "parallelism": {"accelerator": Accelerator.GPU, "devices": 8},
            "prompt_learning": {"restore_path": "p"},
        },
        precision=Precision.BF16,
    )
    small = tiny_plan(plan, Path("/tiny"))

    assert small.tasks == plan.tasks
    assert small.model.max_seq_length == plan.model.max_seq_length
    assert small.model.dtype is ModelDtype.FLOAT32
    assert small.training.precision is Precision.FP32
    assert small.prompt_learning.restore_path is None
    assert small.prompt_learning.init.method is InitMethod.RANDOM
    encoder = small.prompt_learning.encoder
    assert encoder is not None
    assert (encoder.type, encoder.hidden_size) == (EncoderType.LSTM, 64)
    assert (small.parallelism.accelerator, small.parallelism.devices) == (Accelerator.CPU, 1)


FAMILIES = [
    *("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "granite"),
    *("cohere", "olmo2", "smollm3", "gpt2", "gpt_neox", "opt", "bloom", "phi", "falcon"),
]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_shrunk_and_keeps_its_kind(family: str, tmp_path: Path) -> None:
    ids = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    real = AutoConfig.for_model(family, vocab_size=500, **ids)
    (tmp_path / "real").mkdir()
    real.save_pretrained(tmp_path / "real")

    write_tiny_model(tmp_path / "real", tmp_path / "tiny")

    model: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "tiny")
    assert model.config.model_type == family
    assert model.config.vocab_size == 500
    assert model.get_input_embeddings().weight.shape == (500, WIDTH)
    positions = getattr(real, "max_position_embeddings", None)
    assert getattr(model.config, "max_position_embeddings", None) == positions
    assert model.config.num_hidden_layers == 2
    tables = 3 * WIDTH * max(500, positions or 0)  # embeddings, head, learned positions
    assert sum(weight.numel() for weight in model.parameters()) < tables + 60_000


def test_a_list_a_layer_long_keeps_one_layer_of_each_kind() -> None:
    config = {"num_hidden_layers": 3, "layer_types": ["near", "near", "far"], "sizes": [1, 2]}
    assert shrunk(config)["layer_types"] == ["near", "far"]
    assert shrunk(config)["sizes"] == [1, 2]


def test_a_family_that_cannot_be_shrunk_is_skipped_with_the_reason(
    spec_folder: Path, tmp_path: Path
) -> None:
    broken = json.loads((spec_folder / "model" / "config.json").read_text("utf-8"))
    broken["hidden_act"] = "no-such-function"
    (spec_folder / "model" / "config.json").write_text(json.dumps(broken), "utf-8")

    found = list(command.results(PLANS["mlp"], spec_folder, tmp_path / "out", ["batch-sizes"]))

    assert [(each.name, each.status) for each in found] == [
        ("tiny-model", CheckStatus.SKIPPED),
        ("batch-sizes", CheckStatus.SKIPPED),
    ]
    assert "no tiny model of the family llama can be built" in found[0].detail


def test_a_model_of_too_few_positions_fails(spec_folder: Path, tmp_path: Path) -> None:
    plan = plan_of(sections={"model": {"max_seq_length": 4096}})
    first, *rest = command.results(plan, spec_folder, tmp_path / "out", ["predictions"])

    assert (first.name, first.status) == ("tiny-model", CheckStatus.FAILED)
    assert "max_seq_length is 4096" in first.detail
    assert [each.status for each in rest] == [CheckStatus.SKIPPED]


def fails(check: Callable[[TinyRun], str], tiny: TinyRun) -> str:
    """What the check complains of."""
    with pytest.raises(CheckFailed) as failed:
        check(tiny)
    return str(failed.value)


def test_a_base_model_with_a_trainable_weight_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = tiny_run.load_base_model

    def thawed(run: Any) -> Any:
        model = load(run)
        next(model.hf_model.parameters()).requires_grad_()
        return model

    monkeypatch.setattr(tiny_run, "load_base_model", thawed)
    assert "takes part in training" in fails(check_training_steps, tiny)


def after_fit(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Any, PromptLearner], None]
) -> None:
    """Something happens to base model or learner while they train."""
    fit = tiny_run.fit

    def changing(run: Any, base_model: Any, learner: PromptLearner, *rows: Any) -> None:
        fit(run, base_model, learner, *rows)
        with torch.no_grad():
            change(base_model, learner)

    monkeypatch.setattr(tiny_run, "fit", changing)


def test_a_base_weight_that_changes_by_one_bit_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nudge(base_model: Any, _: PromptLearner) -> None:
        weight = list(base_model.hf_model.parameters())[-1].view(-1)
        weight[0] = torch.nextafter(weight[0], weight[0] + 1)

    after_fit(monkeypatch, nudge)
    assert "changed the base model's weights" in fails(check_training_steps, tiny)


def test_a_table_that_does_not_move_fails(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tiny.train("first", max_steps=1).start

    def rewind(_: Any, learner: PromptLearner) -> None:
        learner.load_state_dict(first)

    after_fit(monkeypatch, rewind)
    assert "did not move the prompt learner's _rows.0" in fails(check_training_steps, tiny)


def test_a_virtual_token_that_does_not_move_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tiny.train("first", max_steps=1).start["_rows.0"]

    def rewind_last(_: Any, learner: PromptLearner) -> None:
        learner.trainable_parameters()[0][-1] = first[-1]

    after_fit(monkeypatch, rewind_last)
    assert "did not move virtual token 3 of task 'mood'" in fails(check_training_steps, tiny)


def test_a_parameter_without_gradient_fails(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def none_seen(_: PromptLearner) -> set[str]:
        return set()

    monkeypatch.setattr(tiny_run, "_noting_gradients", none_seen)
    assert "_rows.0 got no gradient" in fails(check_training_steps, tiny)


def test_a_training_of_too_few_steps_fails(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    def one_step(_: Path) -> list[dict[str, float]]:
        return [{"step": 1, "loss": 1.0}]

    monkeypatch.setattr(training_checks, "read_history", one_step)
    assert "the losses are [1.0]" in fails(check_training_steps, tiny)


def test_a_prompt_that_is_loaded_wrongly_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = training_checks.load_soft_prompt

    def rounded(*arguments: Any) -> Any:
        found = load(*arguments)
        tables = {task: table.bfloat16().float() for task, table in found.tables.items()}
        return replace(found, tables=tables)

    monkeypatch.setattr(training_checks, "load_soft_prompt", rounded)
    assert "is not the one that was saved" in fails(check_saved_prompt, tiny)


def test_a_model_that_is_loaded_wrongly_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = training_checks.load_base_model

    def damaged(run: Any) -> Any:
        model = load(run)
        list(model.hf_model.parameters())[-1].mul_(1.01)
        return model

    monkeypatch.setattr(training_checks, "load_base_model", damaged)
    assert "differ by up to" in fails(check_saved_prompt, tiny)


def kill_and_resume(tiny: TinyRun) -> str:
    return check_kill_and_resume(tiny, start_killed_training(tiny))


@pytest.mark.slow
def test_a_resume_that_forgets_the_optimizer_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = PromptTraining.go_on_from

    def forgetful(self: PromptTraining, checkpoint: Any) -> None:
        go_on(self, replace(checkpoint, optimizer={**checkpoint.optimizer, "state": {}}))

    monkeypatch.setattr(PromptTraining, "go_on_from", forgetful)
    assert "learner._rows.0 is another" in fails(kill_and_resume, tiny)


@pytest.mark.slow
def test_a_training_that_was_not_killed_fails(
    tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_check, "_kill_after", lambda _steps: None)  # type: ignore[misc]
    assert "ended by itself, with code 3" in fails(kill_and_resume, tiny)


def test_without_fork_the_kill_is_skipped(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "fork")
    with pytest.raises(CheckSkipped, match="cannot fork"):
        kill_and_resume(tiny)


def test_states_differ_where_any_bit_does() -> None:
    one = {"a": [torch.zeros(2), {"b": 1.0}], "c": (1, "x")}
    other = {"a": [torch.tensor([0.0, 1e-45]), {"b": 1.0}], "c": (1, "x")}
    assert difference(one, one, "state") is None
    assert difference(one, other, "state") == "state.a.0"
    assert difference(one, {**one, "c": (1, "y")}, "state") == "state.c.1"
    assert difference(one, {**one, "c": (1,)}, "state") == "state.c"
    assert difference(one, {"a": one["a"]}, "state") == "state"


@pytest.mark.parametrize("change", ["last left out", "two swapped", "one twice"])
def test_predictions_that_do_not_follow_the_rows_fail(
    change: str, tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = generation_checks.generate_predictions

    def changed(*arguments: Any, **options: Any) -> Any:
        found = generate(*arguments, **options)
        return {
            "last left out": found[:-1],
            "two swapped": [found[1], found[0], *found[2:]],
            "one twice": [found[0], *found],
        }[change]

    monkeypatch.setattr(generation_checks, "generate_predictions", changed)
    assert "3 test rows have" in fails(check_predictions, tiny)


@pytest.mark.parametrize("what", ["ids", "logprob"])
def test_a_generation_that_depends_on_its_neighbours_fails(
    what: str, tiny: TinyRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    generate = generation_checks.generate

    def leaking(base_model: Any, rows: Any, tables: Any, inference: Any, eos_id: Any) -> Any:
        found: list[Any] = generate(base_model, rows, tables, inference, eos_id)
        if inference.batch_size == 1:
            return found
        last = found[-1]
        worse = {"ids": (7, *last.ids[1:]), "sum_logprob": last.sum_logprob}
        if what == "logprob":
            worse = {"sum_logprob": last.sum_logprob - 0.1}
        return [*found[:-1], replace(last, **worse)]

    monkeypatch.setattr(generation_checks, "generate", leaking)
    assert "when alone, and with" in fails(check_batch_sizes, tiny)


def test_a_mask_that_lets_padding_in_fails(tiny: TinyRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from softprompt_runtime import generation

    read = generation.read

    def seeing_padding(base_model: Any, cached: Any, new: Any, mask: Any) -> Any:
        return read(base_model, cached, new, torch.ones_like(mask))

    monkeypatch.setattr(generation, "read", seeing_padding)
    assert "when alone, and with" in fails(check_batch_sizes, tiny)


def test_a_check_that_raises_is_told_without_a_traceback(capsys: Any) -> None:
    from softprompt_runtime.spec_test.check import run_check

    def broken() -> str:
        raise IndexError("no such row")

    found = run_check("predictions", broken)
    expected = "IndexError: no such row"
    assert found == CheckResult(name="predictions", status=CheckStatus.FAILED, detail=expected)
    assert "Traceback" in capsys.readouterr().err  # for the log
