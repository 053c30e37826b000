"""A run's result does not depend on how its processes are laid out."""

from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.vocabulary import ActivationsCheckpoint
from tests.runtime.parallel.layout_runs import (
    Outcome,
    difference,
    files_of,
    layout,
    plan_of,
    prepare,
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
