"""How a plan's launch target is started: from here, or by a command that is printed."""

import shlex
import shutil
import sys
from pathlib import Path

from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.emit_yaml import SMOKE
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import LaunchTarget

STARTED_HERE = (LaunchTarget.LOCAL, LaunchTarget.TORCHRUN)


def is_within_reach(target: LaunchTarget) -> bool:
    """Whether `launch.sh` hands the run in from this machine: SLURM's client is here."""
    return target is LaunchTarget.SLURM and shutil.which("sbatch") is not None


def start_line(plan: Plan, folder: Path, *, smoke: bool) -> str:
    """The command that starts the run where the target's client is."""
    launch, name = plan.launch, plan.name
    match launch.target:
        case LaunchTarget.KUBERNETES:
            file = "trainjob-smoke.yaml" if smoke else "trainjob.yaml"
            words = ["kubectl", "create", "-f", str(folder / file)]
        case LaunchTarget.SKYPILOT:
            secrets = [word for secret in launch.secrets for word in ("--secret", secret)]
            tries = ["--env", f"{SMOKE}=1"] if smoke else []
            words = ["sky", "launch", "-c", cluster_name(name), *tries, *secrets]
            words.append(str(folder / "sky.yaml"))
        case _:
            words = ["bash", str(folder / "launch.sh"), *(["--smoke"] if smoke else [])]
    return shlex.join(words)


def cluster_name(name: str) -> str:
    """A name for SkyPilot's cluster, which takes small letters, digits and `-`."""
    letters = "".join(char if char.isalnum() else "-" for char in name.lower()).strip("-")
    return letters if letters[:1].isalpha() else f"run-{letters}"


def run_names(plan: Plan, *, smoke: bool) -> list[str]:
    """The names of the runs that one start makes."""
    seeds = plan.launch.slurm.seeds if plan.launch.slurm else ()
    names = [f"{plan.name}-seed-{seed}" for seed in seeds] or [plan.name]
    return [f"{name}-smoke" if smoke else name for name in names]


def processes(plan: Plan) -> list[str]:
    """What a script of the runtime stands behind, so that the plan's devices work on it here.

    Raises CommandFailure for a plan of several machines.
    """
    layout = plan.parallelism
    if layout.num_nodes > 1:
        raise CommandFailure(
            f"the run is laid out on {layout.num_nodes} machines, and this is one",
            help="lay it out on this one: --set parallelism.num_nodes=1",
        )
    if layout.devices == 1:
        return [sys.executable]
    torchrun = ["-m", "torch.distributed.run", "--standalone"]
    return [sys.executable, *torchrun, f"--nproc-per-node={layout.devices}"]
