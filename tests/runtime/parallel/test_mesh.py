import os
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from softprompt_plan.plan import ParallelismPlan
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.launcher import (
    ALONE,
    ProcessPlace,
    process_place,
    rendezvous,
)
from softprompt_runtime.parallel.mesh import TIMEOUT_VARIABLE, join_mesh, single_process
from softprompt_runtime.parallel.stage_link import StageLink
from tests.runtime.parallel.processes import Processes
from tests.runtime.plans import tiny_plan


def layout(tensor: int = 1, pipeline: int = 1, devices: int = 1) -> ParallelismPlan:
    changes = {
        "devices": devices,
        "tensor_model_parallel_size": tensor,
        "pipeline_model_parallel_size": pipeline,
    }
    return tiny_plan(sections={"parallelism": changes}).parallelism


def places(plan: ParallelismPlan) -> dict[str, Any]:
    mesh = join_mesh(plan)
    own = torch.tensor([float(mesh.rank)])
    return {
        "ranks": (mesh.data.ranks, mesh.pipeline.ranks, mesh.tensor.ranks),
        "indices": (mesh.data.index, mesh.pipeline.index, mesh.tensor.index),
        "sum": mesh.data.add(own.clone()).item(),
        "largest": mesh.tensor.largest(own.clone()).item(),
        "gathered": mesh.tensor.gather(own).tolist(),
        "objects": mesh.world.gather_objects(f"r{mesh.rank}"),
        "first": mesh.world.from_first(mesh.rank),
    }


def test_tensor_is_the_fastest_axis_and_data_the_slowest(four: Processes) -> None:
    found = four.run(places, layout(tensor=2, devices=4))

    assert [each["ranks"] for each in found] == [
        ((0, 2), (0,), (0, 1)),
        ((1, 3), (1,), (0, 1)),
        ((0, 2), (2,), (2, 3)),
        ((1, 3), (3,), (2, 3)),
    ]
    assert [each["indices"] for each in found] == [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 0, 1)]
    assert [each["sum"] for each in found] == [2.0, 4.0, 2.0, 4.0]
    assert [each["largest"] for each in found] == [1.0, 1.0, 3.0, 3.0]
    assert [each["gathered"] for each in found] == [[0, 1], [0, 1], [2, 3], [2, 3]]
    assert all(each["objects"] == ["r0", "r1", "r2", "r3"] for each in found)
    assert all(each["first"] == 0 for each in found)


def test_pipeline_stages_lie_between_data_and_tensor(four: Processes) -> None:
    found = four.run(places, layout(tensor=2, pipeline=2, devices=4))

    assert [each["ranks"][1] for each in found] == [(0, 2), (1, 3), (0, 2), (1, 3)]


def failures(plan: ParallelismPlan) -> tuple[Any, Any, str]:
    mesh = join_mesh(plan)
    value = mesh.on_main(lambda: f"of {mesh.rank}")
    order = mesh.main_first(lambda: mesh.rank)

    def fail() -> None:
        raise RunFailure(f"rank {mesh.rank} fails", "a cure")

    try:
        mesh.on_main(fail)
    except RunFailure as failure:
        return value, order, f"{failure.message}; {failure.help}"
    return value, order, "nothing"


def test_what_the_main_process_finds_or_fails_at_reaches_all(four: Processes) -> None:
    found = four.run(failures, layout(devices=4))

    assert found == [("of 0", rank, "rank 0 fails; a cure") for rank in range(4)]


def test_one_process_is_a_mesh_without_groups() -> None:
    mesh = join_mesh(layout(), {})

    assert mesh == single_process()
    assert (mesh.data.size, mesh.pipeline.size, mesh.tensor.size) == (1, 1, 1)
    assert mesh.is_main
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("devices", "variables", "message"),
    [
        (2, {}, "asks for 1 x 2 processes, one a device, and 1 has been started"),
        (1, {"RANK": "0", "WORLD_SIZE": "2"}, "1 x 1 processes, one a device, and 2 have been"),
        (2, {"RANK": "2", "WORLD_SIZE": "2"}, "RANK is 2, WORLD_SIZE 2 and LOCAL_RANK 0"),
        (2, {"RANK": "x", "WORLD_SIZE": "2"}, "RANK is 'x', not a number"),
        (2, {"RANK": "0", "WORLD_SIZE": "2"}, "MASTER_ADDR and MASTER_PORT are not set"),
    ],
)
def test_processes_that_do_not_fit_the_plan_are_refused(
    devices: int, variables: dict[str, str], message: str
) -> None:
    with pytest.raises(RunFailure, match=message):
        join_mesh(layout(devices=devices), variables)


def test_a_launcher_says_which_process_this_is() -> None:
    torchrun = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
    step = {
        "SLURM_PROCID": "3",
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_LOCALID": "1",
        "SLURM_STEP_TASKS_PER_NODE": "2(x2)",
    }
    place = ProcessPlace(rank=3, world_size=4, local_rank=1, local_world_size=2)

    assert process_place(torchrun) == place
    assert process_place(step) == place
    assert process_place({**step, **torchrun, "RANK": "0"}).rank == 0  # torchrun inside srun
    assert process_place({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) == ALONE  # a batch script


def test_slurm_processes_meet_on_the_first_node_of_the_step() -> None:
    step = {"SLURM_STEP_NODELIST": "node7,node9", "SLURM_JOB_ID": "1234567"}

    assert rendezvous(step) == {"MASTER_ADDR": "node7", "MASTER_PORT": "19567"}
    assert rendezvous({**step, "MASTER_PORT": "5"})["MASTER_PORT"] == "5"
    assert rendezvous({"MASTER_ADDR": "a", "MASTER_PORT": "5"}) == {}


def unanswered(plan: ParallelismPlan, done: Path) -> str:
    """What rank 1 says when rank 0 does not answer. Making the groups must fit in the time too."""
    mesh = join_mesh(plan, {**os.environ, TIMEOUT_VARIABLE: "5"})
    if mesh.rank == 0:
        while not done.exists():
            time.sleep(0.1)
        return ""
    try:
        if mesh.pipeline.size == 2:
            StageLink(mesh.pipeline).receive((2, 3), torch.float32, mesh.device)
        mesh.data.add(torch.zeros(2))
    except RunFailure as failure:
        return failure.message
    finally:
        done.touch()
    return "nothing"


@pytest.mark.slow
@pytest.mark.parametrize("sizes", [layout(devices=2), layout(pipeline=2, devices=2)])
def test_who_does_not_answer_in_time_is_named(
    two: Processes, sizes: ParallelismPlan, tmp_path: Path
) -> None:
    _, found = two.run(unanswered, sizes, tmp_path / "done")

    assert found.startswith("Process 1 waited in vain for process 0: ")
