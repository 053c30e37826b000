"""Whole trainings of a tiny model."""

import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from softprompt_plan.plan import EarlyStoppingPlan
from softprompt_plan.serialize import from_json
from softprompt_plan.vocabulary import (
    EncoderType,
    InitMethod,
    LoggerName,
    ModelDtype,
    Precision,
    PromptStyle,
    ResumePolicy,
    ScheduleName,
)
from softprompt_runtime import recorder
from softprompt_runtime.checkpoints import checkpoint_paths, newest_checkpoint, read_checkpoint
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.history import read_history
from softprompt_runtime.soft_prompt import read_soft_prompt
from softprompt_runtime.stopping import RunStopped
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import make_ready, train, write_rows

pytestmark = pytest.mark.slow

FREE: dict[str, Any] = {
    "prompt_learning": {"virtual_prompt_style": PromptStyle.PROMPT_TUNING, "encoder": None}
}

# Steps so large that the loss goes up and down.
WILD: dict[str, Any] = {
    **FREE,
    "optim": {"lr": 30.0},
    "sched": {"name": ScheduleName.CONSTANT, "warmup_steps": 0},
}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[t], right[t]) for t in left)


def losses(folder: Path) -> list[float]:
    history = read_history(folder / "runs" / "tiny" / "history.jsonl")
    return [entry["loss"] for entry in history if "loss" in entry]


def val_losses(folder: Path) -> list[float]:
    history = read_history(folder / "runs" / "tiny" / "history.jsonl")
    return [entry["val_loss"] for entry in history if "val_loss" in entry]


def encoder_sections(kind: EncoderType) -> dict[str, dict[str, Any]]:
    return {"encoder": {"type": kind, "dropout": 0.2}, "optim": {"lr": 0.01}}


@pytest.mark.parametrize("kind", list(EncoderType))
def test_every_encoder_learns(folder: Path, kind: EncoderType) -> None:
    train(folder, max_steps=30, val_check_interval=30, sections=encoder_sections(kind))

    found = losses(folder)
    assert len(found) == 30
    assert sum(found[-5:]) < 0.9 * sum(found[:5])


def test_prompt_tuning_learns(folder: Path) -> None:
    sections = {**FREE, "optim": {"lr": 0.1}}

    train(folder, max_steps=30, val_check_interval=30, sections=sections)

    found = losses(folder)
    assert sum(found[-5:]) < 0.9 * sum(found[:5])


@pytest.mark.parametrize("sections", [FREE, {}], ids=["prompt-tuning", "p-tuning"])
def test_the_result_does_not_depend_on_micro_batch_size(
    folder: Path, sections: dict[str, Any]
) -> None:
    results = {
        size: train(folder, name=f"micro{size}", micro_batch_size=size, sections=sections)
        for size in (1, 2, 4)
    }

    for size in (2, 4):
        torch.testing.assert_close(results[size], results[1], atol=1e-6, rtol=1e-5)


def test_the_same_plan_trains_the_same_prompt_twice(folder: Path) -> None:
    assert same(train(folder), train(folder, resume=ResumePolicy.NEVER))


def test_rows_from_the_cache_train_the_same_prompt_by_the_same_losses(
    folder: Path, cache: Path
) -> None:
    cold, cold_losses = train(folder), losses(folder)
    made = {path: path.read_bytes() for path in (cache / "rows").iterdir()}

    warm = train(folder, resume=ResumePolicy.NEVER)

    assert len(made) == 2  # training and validation rows
    assert {path: path.read_bytes() for path in (cache / "rows").iterdir()} == made
    assert same(cold, warm)
    assert losses(folder) == cold_losses


def test_another_seed_trains_another_prompt(folder: Path) -> None:
    assert not same(train(folder), train(folder, name="other", seed=99))


def test_the_learner_ends_with_the_tables_of_the_lowest_val_loss(folder: Path) -> None:
    tables = train(folder, max_steps=12, val_check_interval=1, sections=WILD)

    found = val_losses(folder)
    best = found.index(min(found)) + 1
    assert best < 12, "the test needs a best step before the last"
    checkpoint = read_checkpoint(folder / f"runs/tiny/checkpoints/step-{best:06d}.ckpt")
    assert torch.equal(tables["mood"], checkpoint.learner["_rows.0"])
    assert checkpoint.validation.best_loss == min(found)


def test_val_loss_is_the_mean_over_all_loss_tokens(folder: Path) -> None:
    from softprompt_runtime.packing import pack
    from softprompt_runtime.prompted_loss import loss_sums

    ready = make_ready(tiny_plan(max_steps=1, val_check_interval=1, micro_batch_size=1), folder)
    tables = ready.fit()

    with torch.no_grad():
        rows: list[Any] = [ready.validation[at] for at in range(len(ready.validation))]
        sums = loss_sums(ready.base_model, pack(rows), tables)
    assert val_losses(folder) == pytest.approx([sums.total.item() / sums.num_targets], rel=1e-5)


def test_without_validation_rows_the_last_tables_are_taken(folder: Path) -> None:
    tasks = (tiny_task(data={"validation": ()}),)

    tables = train(folder, tasks=tasks, sections=FREE)

    last = newest_checkpoint(folder / "runs/tiny/checkpoints")
    assert last is not None
    assert last.step == 6
    assert last.finished
    assert torch.equal(tables["mood"], last.learner["_rows.0"])
    assert val_losses(folder) == []


def test_early_stopping_ends_the_run(folder: Path) -> None:
    early = EarlyStoppingPlan(patience=2, min_delta=100.0)  # no loss can fall that far

    train(folder, max_steps=50, val_check_interval=1, early_stopping=early)

    assert len(losses(folder)) == 3


def test_the_best_and_the_last_two_checkpoints_are_kept(folder: Path) -> None:
    train(folder, max_steps=12, val_check_interval=1, sections=WILD)

    found = val_losses(folder)
    best = found.index(min(found)) + 1
    steps = {int(p.stem.split("-")[1]) for p in checkpoint_paths(folder / "runs/tiny/checkpoints")}
    assert steps == {best, 11, 12}


def test_checkpoints_hold_no_base_weights(folder: Path) -> None:
    train(folder, sections=FREE)

    size = sum(path.stat().st_size for path in (folder / "runs/tiny/checkpoints").iterdir())
    assert size / 2 < (folder / "model/model.safetensors").stat().st_size / 2


def test_a_finished_run_is_not_repeated(folder: Path) -> None:
    first = train(folder)
    before = (folder / "runs/tiny/history.jsonl").read_bytes()

    again = train(folder)

    assert same(first, again)
    assert (folder / "runs/tiny/history.jsonl").read_bytes() == before


class StopAfter:
    """Sends this process a signal right after a step, or right before a validation ends."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int, number: int, where: str) -> None:
        hook = getattr(recorder.Recorder, where)

        def stop(self: Any, trainer: Any, pl_module: Any, *args: Any) -> None:
            if pl_module.step == step:
                os.kill(os.getpid(), number)
            hook(self, trainer, pl_module, *args)

        monkeypatch.setattr(recorder.Recorder, where, stop)


@pytest.mark.parametrize("where", ["on_train_batch_end", "on_validation_batch_end"])
@pytest.mark.parametrize("step", [1, 2, 4, 6])
def test_a_signalled_run_goes_on_to_the_same_prompt(
    folder: Path, monkeypatch: pytest.MonkeyPatch, step: int, where: str
) -> None:
    if where == "on_validation_batch_end" and step % 2:
        pytest.skip("no validation follows this step")
    sections = encoder_sections(EncoderType.LSTM)  # dropout: the random state matters
    sections["encoder"]["num_layers"] = 2
    straight = train(folder, name="straight", sections=sections)
    with monkeypatch.context() as patch:
        StopAfter(patch, step, signal.SIGTERM, where)
        with pytest.raises(RunStopped) as stop:
            train(folder, sections=sections)
    assert stop.value.exit_code == 143

    resumed = train(folder, sections=sections)

    assert same(straight, resumed)
    names = ("runs/straight/history.jsonl", "runs/tiny/history.jsonl")
    histories = [(folder / name).read_text() for name in names]
    assert histories[0] == histories[1]


def test_signal_handlers_are_given_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = [signal.getsignal(number) for number in numbers]

    train(folder)
    assert [signal.getsignal(number) for number in numbers] == before

    StopAfter(monkeypatch, 2, signal.SIGINT, "on_train_batch_end")
    with pytest.raises(RunStopped) as stop:
        train(folder, name="stopped")
    assert stop.value.exit_code == 130
    assert [signal.getsignal(number) for number in numbers] == before


@pytest.mark.parametrize("policy", [ResumePolicy.AUTO, ResumePolicy.MUST])
def test_a_changed_plan_does_not_go_on(folder: Path, policy: ResumePolicy) -> None:
    train(folder)

    with pytest.raises(RunFailure, match=r"training\.optim\.lr was 0\.001 and is 0\.1"):
        train(folder, sections={"optim": {"lr": 0.1}}, resume=policy)


def test_the_kept_plan_is_of_the_last_training(folder: Path) -> None:
    train(folder)
    kept = folder / "runs" / "tiny" / "plan.json"
    first = kept.read_text("utf-8")

    with pytest.raises(RunFailure):
        train(folder, sections={"optim": {"lr": 0.1}})
    assert kept.read_text("utf-8") == first

    train(folder, sections={"optim": {"lr": 0.1}}, resume=ResumePolicy.NEVER)
    assert from_json(kept.read_text("utf-8")).training.optim.lr == 0.1


def test_changed_rows_do_not_go_on(folder: Path) -> None:
    train(folder)
    write_rows(folder, train=11)

    with pytest.raises(RunFailure, match="the training rows have changed"):
        train(folder)


def test_how_the_work_is_cut_up_may_change(folder: Path) -> None:
    first = train(folder)

    again = train(folder, micro_batch_size=4, checkpoint_every_n_steps=1)

    assert same(first, again)  # it had finished


def test_never_moves_the_old_checkpoints_aside(folder: Path) -> None:
    train(folder)

    train(folder, resume=ResumePolicy.NEVER, max_steps=2)

    checkpoints = folder / "runs/tiny/checkpoints"
    assert [path.name for path in checkpoint_paths(checkpoints)] == ["step-000002.ckpt"]
    assert len(checkpoint_paths(checkpoints.with_name("checkpoints.1"))) == 2


def test_must_needs_a_checkpoint(folder: Path) -> None:
    with pytest.raises(RunFailure, match="no checkpoint"):
        train(folder, resume=ResumePolicy.MUST)


def test_a_damaged_newest_checkpoint_is_passed_over(folder: Path) -> None:
    straight = train(folder)
    newest = checkpoint_paths(folder / "runs/tiny/checkpoints")[0]
    newest.write_bytes(newest.read_bytes()[:1000])

    assert same(straight, train(folder))


def test_a_task_without_training_rows_is_named(folder: Path) -> None:
    write_rows(folder, train=0)

    with pytest.raises(RunFailure, match="Task 'mood' has no training rows"):
        train(folder)


def test_several_tasks_train_together_each_with_tokens_of_its_own(folder: Path) -> None:
    write_rows(folder, "other")
    tasks = (tiny_task(), tiny_task("other", virtual_token_splits=(6,)))

    tables = train(folder, tasks=tasks)

    assert {task: tuple(table.shape) for task, table in tables.items()} == {
        "mood": (4, 32),
        "other": (6, 32),
    }
    assert not torch.equal(tables["mood"], tables["other"][:4])
    last = read_history(folder / "runs/tiny/history.jsonl")[-1]
    assert {"val_loss", "val_loss/mood", "val_loss/other"} <= last.keys()


def test_restored_tasks_are_kept_bit_for_bit_and_new_ones_train(folder: Path) -> None:
    write_rows(folder, "other")
    old = train(folder, name="old")
    sections = {"prompt_learning": {"restore_path": "runs/old/soft_prompt"}}
    tasks = (tiny_task(), tiny_task("other"))

    new = train(folder, name="new", tasks=tasks, sections=sections)

    assert torch.equal(old["mood"], new["mood"])
    saved = read_soft_prompt(folder / "runs/new/soft_prompt")
    assert torch.equal(saved.tables["mood"], old["mood"])
    assert [task.name for task in saved.meta.tasks] == ["mood", "other"]
    history = read_history(folder / "runs/new/history.jsonl")
    assert all("val_loss/mood" not in entry for entry in history)
    assert max(entry.get("rows", 0) for entry in history) <= 4


def test_a_training_can_start_from_a_trained_prompt(folder: Path) -> None:
    old = train(folder, name="old")
    sections = {"init": {"method": InitMethod.PROMPT, "path": "runs/old/soft_prompt"}}

    ready = make_ready(tiny_plan(sections=sections), folder)

    assert torch.equal(ready.learner.tables()["mood"], old["mood"])


def test_a_loss_that_is_no_number_fails_and_says_where(folder: Path) -> None:
    ready = make_ready(tiny_plan(sections=FREE), folder)
    with torch.no_grad():
        ready.learner.trainable_parameters()[0].fill_(math.nan)

    with pytest.raises(RunFailure, match="The loss at step 1 is nan"):
        ready.fit()


def test_bf16_mixed_keeps_what_trains_in_float32(folder: Path) -> None:
    tables = train(folder, precision=Precision.BF16_MIXED)

    assert tables["mood"].dtype == torch.float32
    last = newest_checkpoint(folder / "runs/tiny/checkpoints")
    assert last is not None
    weights = [value for value in last.learner.values() if isinstance(value, Tensor)]
    assert {weight.dtype for weight in weights} == {torch.float32}


def test_16_mixed_on_a_cpu_is_refused(folder: Path) -> None:
    with pytest.raises(RunFailure, match="16-mixed needs a GPU"):
        train(folder, precision=Precision.FP16_MIXED)


def test_bf16_true_with_float32_weights_is_refused(folder: Path) -> None:
    with pytest.raises(RunFailure, match=r"model\.dtype is float32"):
        train(folder, precision=Precision.BF16)


def test_bf16_true_trains_float32_tables_in_front_of_bfloat16_weights(folder: Path) -> None:
    sections = {**FREE, "model": {"dtype": ModelDtype.BFLOAT16}, "optim": {"lr": 0.1}}

    tables = train(folder, precision=Precision.BF16, max_steps=20, sections=sections)

    assert tables["mood"].dtype == torch.float32
    assert not torch.equal(tables["mood"], tables["mood"].bfloat16().float())
    found = losses(folder)
    assert sum(found[-5:]) < sum(found[:5])


def test_fewer_processes_than_the_plan_asks_for_are_refused(folder: Path) -> None:
    with pytest.raises(RunFailure, match="asks for 1 x 2 processes"):
        train(folder, sections={"parallelism": {"devices": 2}})


def test_loggers_get_the_whole_curve_also_after_a_resume(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loggers = (LoggerName.CSV, LoggerName.TENSORBOARD)
    with monkeypatch.context() as patch:
        StopAfter(patch, 3, signal.SIGTERM, "on_train_batch_end")
        with pytest.raises(RunStopped):
            train(folder, loggers=loggers)
    train(folder, loggers=loggers)

    lines = (folder / "runs/tiny/logs/csv/metrics.csv").read_text().splitlines()
    column = lines[0].split(",").index("step")
    assert [int(line.split(",")[column]) for line in lines[1:]] == [1, 2, 2, 3, 4, 4, 5, 6, 6]
    assert list((folder / "runs/tiny/logs/tensorboard").glob("events.*"))


@pytest.mark.parametrize("name", [LoggerName.WANDB, LoggerName.MLFLOW])
def test_a_logger_that_is_not_there_is_refused(folder: Path, name: LoggerName) -> None:
    with pytest.raises(RunFailure, match=f"no {name} logger"):
        train(folder, loggers=(name,))


def test_the_gradient_is_clipped(folder: Path) -> None:
    sections = {**FREE, "optim": {"lr": 0.1}}
    free = train(folder, name="free", gradient_clip_val=None, sections=sections)
    loose = train(folder, name="loose", gradient_clip_val=1e9, sections=sections)
    tight = train(folder, name="tight", gradient_clip_val=1e-9, sections=sections)

    assert same(free, loose)
    assert not same(free, tight)


def test_training_says_where_it_stands_in_plain_lines(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(folder)

    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert lines[0].startswith("step 1/6  loss ")
    assert any(line.startswith("step 2  val_loss ") for line in lines)
    assert "rows/s" in lines[0]
    assert lines[-1].startswith("trained 6 steps; best val_loss ")


def test_rows_left_out_are_counted_for_the_user(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from softprompt_plan.vocabulary import TooLongPolicy

    rows = [{"text": "a", "label": " x" * 60}, {"text": "a", "label": " x"}]
    (folder / "mood_train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = tiny_task(data={"too_long": TooLongPolicy.SKIP})

    train(folder, tasks=(replace(task, truncate_fields=()),))

    assert "mood: 1 train rows are too long and left out" in capsys.readouterr().err
