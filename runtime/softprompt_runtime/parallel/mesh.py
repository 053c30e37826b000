"""The processes of a run as a grid of three axes: data, pipeline, tensor.

Tensor is the fastest axis, so that processes that share each layer are neighbours on a machine:
rank = (data * pipeline_size + stage) * tensor_size + shard.
"""

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, final

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import DeviceMesh

from softprompt_plan.plan import ParallelismPlan
from softprompt_runtime.device import choose_device
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.parallel.launcher import ProcessPlace, process_place, rendezvous

TIMEOUT_VARIABLE = "SOFTPROMPT_TIMEOUT"  # seconds that a process waits for the others
_TIMEOUT = 1800
PORT_TAKEN = 75  # exit code (EX_TEMPFAIL); the job scripts try another port
_NAMES = ("data", "pipeline", "tensor")

_T = TypeVar("_T")


@final
@dataclass(frozen=True, kw_only=True)
class Mesh:
    """The grid, and this process's place in it.

    data: replicas that share out each global batch. pipeline: stages of successive blocks.
    tensor: shards of each layer. world: all processes, by rank. local_rank: on this machine.
    device_mesh: torch's view of the same grid; None for one process. sequence_parallel: whether
    the tensor axis shares out tokens too, where every process could work on its own.
    shares_weights: whether replicas share out the weights of the base model's blocks.
    """

    data: Axis
    pipeline: Axis
    tensor: Axis
    world: Axis
    local_rank: int
    device: torch.device
    device_mesh: DeviceMesh | None
    sequence_parallel: bool = False
    shares_weights: bool = False

    @property
    def rank(self) -> int:
        """This process among all."""
        return self.world.index

    @property
    def is_main(self) -> bool:
        """Whether this process writes the run's files and speaks to its user."""
        return self.world.is_first

    @property
    def holds_all_layers(self) -> bool:
        """Whether each process has the whole base model."""
        return self.pipeline.size == self.tensor.size == 1

    @property
    def is_single(self) -> bool:
        """Whether the run is one process."""
        return self.world.size == 1

    def on_main(self, work: Callable[[], _T]) -> _T:
        """What `work` gives on the main process, on every process; its RunFailure too."""
        if self.is_single:
            return work()
        outcome = self.world.from_first(_outcome(work) if self.is_main else None)
        assert outcome is not None, "the main process has an outcome"
        return outcome()

    def main_first(self, work: Callable[[], _T]) -> _T:
        """`work` on each machine's first process, then on the others, who find its caches filled.

        A RunFailure of any first process is raised on all.
        """
        if self.is_single:
            return work()
        leads = self.local_rank == 0
        outcome = _outcome(work) if leads else None
        for found in self.world.gather_objects(outcome if isinstance(outcome, _Failed) else None):
            if found is not None:
                found()
        return outcome() if outcome is not None else work()


def single_process(device: torch.device | None = None) -> Mesh:
    """The mesh of a run that is one process: no process group, no environment read."""
    alone = Axis.alone()
    return Mesh(
        data=alone,
        pipeline=alone,
        tensor=alone,
        world=alone,
        local_rank=0,
        device=torch.device("cpu") if device is None else device,
        device_mesh=None,
    )


def join_mesh(plan: ParallelismPlan, environment: Mapping[str, str] | None = None) -> Mesh:
    """Take this process's place in the plan's mesh, together with all others.

    environment: the launcher's variables; None: this process's. Joining again is allowed and gives
    the same mesh. Raises RunFailure where the launcher has not started as many processes as the
    plan has devices, or where they cannot find each other in time.
    """
    environment = os.environ if environment is None else environment
    place = process_place(environment)
    _require_world(plan, place)
    device = choose_device(plan, place.local_rank)
    if place.world_size == 1:
        return single_process(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    _start_group(place, device, environment)
    sizes = (
        plan.data_parallel_size,
        plan.pipeline_model_parallel_size,
        plan.tensor_model_parallel_size,
    )
    grid = _grid(device, sizes, timedelta(seconds=_timeout(environment)))
    data, pipeline, tensor = (_axis(grid, name) for name in _NAMES)
    world = Axis(ranks=tuple(range(place.world_size)), index=place.rank, group=dist.group.WORLD)
    return Mesh(
        data=data,
        pipeline=pipeline,
        tensor=tensor,
        world=world,
        local_rank=place.local_rank,
        device=device,
        device_mesh=grid,
        sequence_parallel=plan.sequence_parallel and tensor.size > 1,
        shares_weights=plan.shard_base_model and data.size > 1,
    )


def leave_mesh() -> None:
    """End the process group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def _grid(device: torch.device, sizes: tuple[int, int, int], timeout: timedelta) -> DeviceMesh:
    """The mesh. Its groups are made here: those of init_device_mesh wait 30 minutes, always."""
    ranks = torch.arange(math.prod(sizes)).view(sizes)
    own: list[dist.ProcessGroup] = []
    for dim, size in enumerate(sizes):
        for line in ranks.movedim(dim, -1).reshape(-1, size).tolist():
            group = dist.new_group(line, timeout=timeout)  # every process makes every group
            if isinstance(group, dist.ProcessGroup) and dist.get_rank() in line:
                own.append(group)
    return DeviceMesh.from_group(own, device.type, mesh=ranks, mesh_dim_names=_NAMES)


def _axis(grid: DeviceMesh, name: str) -> Axis:
    part = grid[name]
    ranks = tuple(part.mesh.tolist())
    if len(ranks) == 1:
        return Axis.alone(ranks[0])
    return Axis(ranks=ranks, index=part.get_local_rank(), group=part.get_group())


def _require_world(plan: ParallelismPlan, place: ProcessPlace) -> None:
    """Refuse another number of processes than the plan's: every share would be wrong."""
    wanted = plan.num_nodes * plan.devices
    if place.world_size == wanted:
        return
    started = f"{place.world_size} have" if place.world_size > 1 else "1 has"
    raise RunFailure(
        f"The plan asks for {plan.num_nodes} x {plan.devices} processes, one a device, and "
        f"{started} been started",
        "Start the run by its launch.sh, or change parallelism.num_nodes and parallelism.devices.",
    )


def _start_group(place: ProcessPlace, device: torch.device, environment: Mapping[str, str]) -> None:
    if dist.is_initialized():
        return
    os.environ.update(rendezvous(environment))
    try:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            rank=place.rank,
            world_size=place.world_size,
            timeout=timedelta(seconds=_timeout(environment)),
            device_id=device if device.type == "cuda" else None,
        )
    except (RuntimeError, ValueError) as error:  # torch's DistError is a RuntimeError
        if "EADDRINUSE" in str(error) or "address already in use" in str(error).lower():
            raise RunFailure(
                f"Port {os.environ['MASTER_PORT']} of this machine is taken",
                "Set MASTER_PORT to another one, on all machines.",
                exit_code=PORT_TAKEN,
            ) from None
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise RunFailure(
            f"Process {place.rank} of {place.world_size} cannot join the others at {where}: "
            f"{str(error).splitlines()[0]:.200}",
            "Check that every process runs and that MASTER_ADDR and MASTER_PORT can be reached.",
        ) from None


def _timeout(environment: Mapping[str, str]) -> float:
    text = environment.get(TIMEOUT_VARIABLE, str(_TIMEOUT))
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise RunFailure(f"{TIMEOUT_VARIABLE} is {text!r:.80}, not a number of seconds above 0")
    return seconds


@dataclass(frozen=True, kw_only=True)
class _Done:
    value: Any

    def __call__(self) -> Any:
        return self.value


@dataclass(frozen=True, kw_only=True)
class _Failed:
    """A RunFailure on its way to another process."""

    message: str
    help: str | None

    def __call__(self) -> Any:
        raise RunFailure(self.message, self.help)


def _outcome(work: Callable[[], Any]) -> _Done | _Failed:
    try:
        return _Done(value=work())
    except RunFailure as failure:
        return _Failed(message=failure.message, help=failure.help)
