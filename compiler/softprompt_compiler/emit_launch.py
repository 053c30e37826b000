"""What the templates of the launch scripts are told about a plan."""

from typing import Any

from softprompt_plan.launch_plan import SlurmPlan
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import Accelerator, LaunchTarget

_TITLES = {
    LaunchTarget.LOCAL: "Trains and evaluates one experiment on this machine, from any folder.",
    LaunchTarget.TORCHRUN: "Trains and evaluates one experiment; started once on each machine.",
    LaunchTarget.SLURM: "Hands one experiment in to SLURM; inside the job, starts one rank of it.",
    LaunchTarget.KUBERNETES: "Trains and evaluates one experiment; started in each pod.",
    LaunchTarget.SKYPILOT: "Trains and evaluates one experiment; started on each machine.",
}


def launch_values(plan: Plan) -> dict[str, Any]:
    """The values of launch.sh.j2 and slurm.sbatch.j2."""
    launch, layout = plan.launch, plan.parallelism
    torchrun, slurm = launch.torchrun, launch.slurm
    host, _, port = ((torchrun and torchrun.rendezvous) or "").rpartition(":")
    return {
        "launch_title": _TITLES[launch.target],
        "starter": _starter(plan),
        "target": launch.target.value,
        "run_name": plan.name,
        "num_nodes": layout.num_nodes,
        "devices": layout.devices,
        "timeout": launch.timeout_seconds if layout.num_nodes * layout.devices > 1 else None,
        "environment": launch.environment,
        "secrets": launch.secrets,
        "setup": launch.setup,
        "max_restarts": _max_restarts(plan),
        "host": host,
        "port": int(port or 0),
        "interface": torchrun and torchrun.network_interface,
        **(_slurm_values(plan, slurm) if slurm else {}),
    }


def _starter(plan: Plan) -> str:
    """The template of what starts the processes."""
    layout = plan.parallelism
    match plan.launch.target:
        case LaunchTarget.SLURM:
            return "rank"
        case LaunchTarget.KUBERNETES:
            return "pod"
        case LaunchTarget.LOCAL if layout.devices == 1:
            return "python"
        case _:
            return "machines" if layout.num_nodes > 1 else "one_machine"


def _max_restarts(plan: Plan) -> int:
    match plan.launch.target:
        case LaunchTarget.TORCHRUN:
            return plan.launch.torchrun.max_restarts if plan.launch.torchrun else 0
        case LaunchTarget.SKYPILOT:
            return 3  # what torchrun has by default
        case _:
            return 0


def _slurm_values(plan: Plan, slurm: SlurmPlan) -> dict[str, Any]:
    mounts = ",".join(f"{source}:{target}" for target, source in slurm.mounts)
    return {
        "directives": _directives(plan, slurm),
        "seeds": slurm.seeds,
        "cpus": slurm.cpus_per_device,
        "max_requeues": slurm.max_requeues,
        "srun_options": [
            *([f"--container-image={slurm.image}"] if slurm.image else []),
            *([f"--container-mounts={mounts}"] if mounts else []),
        ],
    }


def _directives(plan: Plan, slurm: SlurmPlan) -> list[str]:
    """The options behind `#SBATCH`."""
    layout = plan.parallelism
    gpus = f"{slurm.gpu_type}:{layout.devices}" if slurm.gpu_type else f"{layout.devices}"
    options = {
        "job-name": plan.name,
        "nodes": layout.num_nodes,
        "ntasks-per-node": layout.devices,
        "gpus-per-node": None if layout.accelerator is Accelerator.CPU else gpus,
        "cpus-per-task": slurm.cpus_per_device or None,
        "mem": slurm.memory,
        "time": slurm.time_limit,
        "partition": slurm.partition,
        "account": slurm.account,
        "qos": slurm.qos,
        "array": f"0-{len(slurm.seeds) - 1}" if slurm.seeds else None,
        "signal": f"USR1@{slurm.save_seconds}",
        "output": "%x-%A_%a.out" if slurm.seeds else "%x-%j.out",
        "open-mode": "append",
        "export": "ALL",
    }
    requeue = "--requeue" if slurm.max_requeues else "--no-requeue"
    return [*(f"--{key}={value}" for key, value in options.items() if value is not None), requeue]
