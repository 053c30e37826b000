"""The launch section of a checked spec -> its plan. Total, like `lower`."""

from softprompt_compiler.spec.launch import LaunchSection
from softprompt_compiler.spec.launch_targets import (
    CiSection,
    KubernetesSection,
    SkypilotSection,
    SlurmSection,
)
from softprompt_compiler.spec.spec import Spec
from softprompt_plan.launch_plan import (
    CiPlan,
    KubernetesPlan,
    LaunchPlan,
    SkypilotPlan,
    SlurmPlan,
    TorchrunPlan,
)
from softprompt_plan.vocabulary import LaunchTarget


def lower_launch(spec: Spec) -> LaunchPlan:
    """What starts the run. Of the sections for targets, only the target's own becomes a plan."""
    launch, target = spec.launch, spec.launch.target
    return LaunchPlan(
        target=target,
        setup=launch.setup,
        environment=tuple(launch.environment.items()),
        secrets=launch.secrets,
        timeout_seconds=launch.timeout_seconds,
        torchrun=_torchrun(launch) if target is LaunchTarget.TORCHRUN else None,
        slurm=_slurm(launch.slurm) if target is LaunchTarget.SLURM else None,
        kubernetes=_kubernetes(launch.kubernetes, spec.name)
        if target is LaunchTarget.KUBERNETES
        else None,
        skypilot=_skypilot(launch.skypilot, spec.name) if target is LaunchTarget.SKYPILOT else None,
        ci=launch.ci and _ci(launch.ci, spec.name),
    )


def compiled_folder(name: str) -> str:
    """Where `spec compile` writes the files of a run, if it is not told otherwise."""
    return f"build/{name}"


def _torchrun(launch: LaunchSection) -> TorchrunPlan:
    section = launch.torchrun
    return TorchrunPlan(
        max_restarts=section.max_restarts,
        rendezvous=section.rendezvous,
        network_interface=section.network_interface,
    )


def _slurm(section: SlurmSection) -> SlurmPlan:
    return SlurmPlan(
        partition=section.partition,
        account=section.account,
        qos=section.qos,
        time_limit=section.time_limit,
        gpu_type=section.gpu_type,
        cpus_per_device=section.cpus_per_device,
        memory=section.memory,
        max_requeues=section.max_requeues,
        save_seconds=section.save_seconds,
        seeds=section.seeds,
        image=section.image,
        mounts=tuple(section.mounts.items()),
    )


def _kubernetes(section: KubernetesSection, name: str) -> KubernetesPlan:
    return KubernetesPlan(
        name=section.name or name,
        namespace=section.namespace,
        runtime=section.runtime,
        image=section.image or "",  # given in a checked spec: SP0273
        folder=section.folder or "",
        mounts=tuple(section.mounts.items()),
        service_account=section.service_account,
        secret=section.secret,
        cpu=section.cpu,
        memory=section.memory,
        gpu_resource=section.gpu_resource,
        save_seconds=section.save_seconds,
    )


def _skypilot(section: SkypilotSection, name: str) -> SkypilotPlan:
    return SkypilotPlan(
        cloud=section.cloud,
        region=section.region,
        accelerator=section.accelerator,
        spot=section.spot,
        image=section.image,
        workdir=section.workdir,
        folder=section.folder or compiled_folder(name),
        mounts=tuple(section.mounts.items()),
    )


def _ci(section: CiSection, name: str) -> CiPlan:
    return CiPlan(
        spec=section.spec,
        folder=section.folder or compiled_folder(name),
        requirement=section.requirement,
        python=section.python,
        runs_on=section.runs_on,
    )
