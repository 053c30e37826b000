"""Which process of how many this is, as torchrun or SLURM's srun says it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from softprompt_runtime.failure import RunFailure

_FIRST_PORT = 15000  # plus the last digits of SLURM's job id, as is customary


@final
@dataclass(frozen=True, kw_only=True)
class ProcessPlace:
    """One process among those that a launcher has started. All count from 0."""

    rank: int
    world_size: int
    local_rank: int  # on its machine
    local_world_size: int


ALONE = ProcessPlace(rank=0, world_size=1, local_rank=0, local_world_size=1)


def process_place(environment: Mapping[str, str]) -> ProcessPlace:
    """What torchrun's variables say, else srun's, else that this process is alone.

    A batch script's own process, which SLURM gives no step, is alone. Raises RunFailure for
    variables that are no numbers or do not fit each other.
    """
    if "WORLD_SIZE" in environment and "RANK" in environment:
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    elif "SLURM_STEP_NUM_TASKS" in environment and "SLURM_PROCID" in environment:
        names = (
            "SLURM_PROCID",
            "SLURM_STEP_NUM_TASKS",
            "SLURM_LOCALID",
            "SLURM_STEP_TASKS_PER_NODE",
        )
    else:
        return ALONE
    rank, world_size, local_rank = (_number(environment, name) for name in names[:3])
    place = ProcessPlace(
        rank=rank,
        world_size=world_size,
        local_rank=local_rank,
        local_world_size=_first_number(environment.get(names[3]), world_size),
    )
    if not 0 <= rank < world_size or local_rank < 0:
        raise RunFailure(
            f"{names[0]} is {rank}, {names[1]} {world_size} and {names[2]} {local_rank}: "
            "that is no process of a launcher",
            "Start the run by its launch.sh.",
        )
    return place


def rendezvous(environment: Mapping[str, str]) -> dict[str, str]:
    """MASTER_ADDR and MASTER_PORT where the environment lacks them: SLURM's first node.

    Raises RunFailure where nothing says where to meet.
    """
    if "MASTER_ADDR" in environment and "MASTER_PORT" in environment:
        return {}
    nodes = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST")
    if nodes is None:
        raise RunFailure(
            "MASTER_ADDR and MASTER_PORT are not set: the processes cannot find each other",
            "Start the run by its launch.sh, or by torchrun.",
        )
    port = _FIRST_PORT + _number(environment, "SLURM_JOB_ID") % 10000
    found = {"MASTER_ADDR": environment.get("MASTER_ADDR") or _first_node(nodes)}
    return {**found, "MASTER_PORT": environment.get("MASTER_PORT") or str(port)}


def _first_node(nodes: str) -> str:
    """The first host of a SLURM list such as node[1-3,7]."""
    if "[" not in nodes:
        return nodes.split(",")[0]
    try:
        found = subprocess.run(  # noqa: S603 - SLURM's list as one argument, no shell
            ["scontrol", "show", "hostnames", nodes],  # noqa: S607 - on SLURM's PATH
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return found.stdout.split()[0]
    except (OSError, subprocess.SubprocessError, IndexError) as error:
        help = "Set MASTER_ADDR to the name of the first node."
        raise RunFailure(f"The first node of {nodes} cannot be found: {error}", help) from None


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment.get(name, "0" if name.endswith(("LOCAL_RANK", "LOCALID")) else "")
    try:
        return int(text)
    except ValueError:
        raise RunFailure(
            f"The variable {name} is {text!r:.80}, not a number", "Start the run by its launch.sh."
        ) from None


def _first_number(text: str | None, default: int) -> int:
    """2 of `2`, and of SLURM's `2(x3),1`."""
    digits = (text or "").split("(")[0].split(",")[0]
    return int(digits) if digits.isdigit() else default


def current_place() -> ProcessPlace:
    """This process's place."""
    return process_place(os.environ)
