"""A run's result does not depend on how its processes are laid out."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import ActivationsCheckpoint, EncoderType
from softprompt_runtime.checkpoints import newest_checkpoint
from softprompt_runtime.recorder import Recorder
from softprompt_runtime.stopping import RunStopped
from tests.runtime.parallel.layout_runs import (
    Outcome,
    difference,
    files_of,
    layout,
    plan_of,
    prepare,
    ready_in,
    run_plan,
)
from tests.runtime.parallel.processes import Processes

TOLERANCE = 1e-5  # relative, after 20 steps in float32


@pytest.fixture(scope="module")
def singles(tmp_path_factory: pytest.TempPathFactory) -> "Singles":
    return Singles(tmp_path_factory)


class Singles:
    """The runs of one process, each made once."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._known: dict[Any, tuple[Path, Outcome]] = {}

    def of(self, model_type: str, **training: Any) -> tuple[Path, Outcome]:
        key = (model_type, repr(training))
        if key not in self._known:
            folder = prepare(self._folders.mktemp(model_type), model_type)
            self._known[key] = folder, run_plan(plan_of({}, **training), folder, "single")
        return self._known[key]


def check_same(singles: Singles, processes: Processes, model_type: str, **changes: Any) -> None:
    training = changes.pop("training", {})
    folder, wanted = singles.of(model_type, **training)
    found = processes.run(run_plan, plan_of(layout(**changes), **training), folder, repr(changes))

    for outcome in found:
        assert outcome.losses == pytest.approx(wanted.losses, rel=TOLERANCE)
        for task, table in wanted.tables.items():
            assert difference(outcome.tables[task], table) <= TOLERANCE
        assert outcome.completions == wanted.completions
        assert outcome.fingerprint == wanted.fingerprint
    assert files_of(folder, repr(changes)) == files_of(folder, "single")


def test_two_replicas_train_and_predict_as_one(singles: Singles, two: Processes) -> None:
    check_same(singles, two, "llama", data=2)


def test_replicas_share_out_batches_that_do_not_divide(singles: Singles, four: Processes) -> None:
    check_same(singles, four, "llama", data=4, training={"micro_batch_size": 1})


@pytest.mark.parametrize("sequence_parallel", [False, True])
def test_two_shards_train_and_predict_as_one(
    singles: Singles, two: Processes, sequence_parallel: bool
) -> None:
    check_same(singles, two, "llama", tensor=2, sequence_parallel=sequence_parallel)


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", ActivationsCheckpoint)
@pytest.mark.parametrize("sequence_parallel", [False, True])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox"])
def test_two_replicas_of_two_shards_train_and_predict_as_one(
    singles: Singles,
    four: Processes,
    model_type: str,
    sequence_parallel: bool,
    checkpoint: ActivationsCheckpoint,
) -> None:
    changes = {"sequence_parallel": sequence_parallel, "activations_checkpoint": checkpoint}

    check_same(singles, four, model_type, tensor=2, data=2, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox"])
@pytest.mark.parametrize("changes", [{"data": 2}, {"tensor": 2}], ids=["data", "tensor"])
def test_two_processes_train_and_predict_as_one(
    singles: Singles, two: Processes, model_type: str, changes: dict[str, Any]
) -> None:
    check_same(singles, two, model_type, **changes)


@pytest.mark.slow
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox"])
@pytest.mark.parametrize(
    "changes",
    [
        {"tensor": 2, "pipeline": 2},
        {"tensor": 2, "pipeline": 2, "sequence_parallel": True},
        {"pipeline": 2, "data": 2},
    ],
    ids=["tensor-pipeline", "sequence-pipeline", "pipeline-data"],
)
def test_two_stages_of_two_train_and_predict_as_one(
    singles: Singles, four: Processes, model_type: str, changes: dict[str, Any]
) -> None:
    check_same(singles, four, model_type, **changes)


def test_replicas_that_share_out_weights_train_and_predict_as_one(
    singles: Singles, two: Processes
) -> None:
    check_same(singles, two, "llama", data=2, shard_base_model=True)


@pytest.mark.slow
@pytest.mark.parametrize("checkpoint", ActivationsCheckpoint)
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox"])
def test_shared_out_weights_of_shards(
    singles: Singles, four: Processes, model_type: str, checkpoint: ActivationsCheckpoint
) -> None:
    changes = {"shard_base_model": True, "activations_checkpoint": checkpoint}

    check_same(singles, four, model_type, tensor=2, data=2, sequence_parallel=True, **changes)


TPMLP = {"encoder": {"type": EncoderType.TPMLP, "hidden_size": 12}}


def test_a_shared_out_encoder_trains_as_a_whole_one(singles: Singles, two: Processes) -> None:
    training = {"sections": TPMLP, "gradient_clip_val": 0.01}

    check_same(singles, two, "llama", tensor=2, training=training)


def stopped(plan: Plan, folder: Path, runs: str, step: int) -> int:
    """Train until a signal reaches the last process after `step`; the step that was saved."""
    ready = ready_in(plan, folder, runs)
    end_of_step = Recorder.on_train_batch_end

    def signal_at_step(self: Recorder, trainer: Any, module: Any, *arguments: Any) -> None:
        if module.step == step and ready.run.mesh.rank == ready.run.mesh.world.size - 1:
            os.kill(os.getpid(), signal.SIGTERM)
        end_of_step(self, trainer, module, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "on_train_batch_end", signal_at_step)
        with pytest.raises(RunStopped):
            ready.fit()
    newest = newest_checkpoint(ready.run.checkpoints_folder)
    assert newest is not None
    return newest.step


def test_a_run_goes_on_under_other_layouts_to_the_same_end(
    singles: Singles, two: Processes
) -> None:
    """Stopped under tensor parallelism, then by pipeline stages, ended by one process."""
    sections = {**TPMLP, "optim": {"lr": 1e-2}}
    folder, wanted = singles.of("llama", sections=sections)
    tensor = plan_of(layout(tensor=2, sequence_parallel=True), sections)
    pipeline = plan_of(layout(pipeline=2), sections)

    assert two.run(stopped, tensor, folder, "moved", 7) == [7, 7]
    assert two.run(stopped, pipeline, folder, "moved", 13) == [13, 13]
    found = run_plan(plan_of({}, sections), folder, "moved")

    assert found.losses == pytest.approx(wanted.losses, rel=TOLERANCE)
    for task, table in wanted.tables.items():
        assert difference(found.tables[task], table) <= TOLERANCE


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_under_four(singles: Singles, four: Processes) -> None:
    sections = {**TPMLP, "optim": {"lr": 1e-2}}
    folder, wanted = singles.of("llama", sections=sections)
    first = plan_of({}, sections, micro_batch_size=1)
    replicas = plan_of(layout(data=4), sections, micro_batch_size=1)
    both = plan_of(layout(data=2, tensor=2), sections)

    assert stopped(first, folder, "grown", 4) == 4
    assert four.run(stopped, replicas, folder, "grown", 11) == [11] * 4
    for found in four.run(run_plan, both, folder, "grown"):
        assert found.losses == pytest.approx(wanted.losses, rel=TOLERANCE)
        for task, table in wanted.tables.items():
            assert difference(found.tables[task], table) <= TOLERANCE
