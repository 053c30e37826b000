"""The part of a plan that says what starts the run. See `plan` for what holds for all of them."""

from dataclasses import dataclass

from softprompt_plan.vocabulary import LaunchTarget


@dataclass(frozen=True, kw_only=True)
class TorchrunPlan:
    """Processes that torchrun starts."""

    max_restarts: int
    rendezvous: str | None  # HOST:PORT of the first machine; None on one machine
    network_interface: str | None


@dataclass(frozen=True, kw_only=True)
class SlurmPlan:
    """A job of SLURM."""

    partition: str | None
    account: str | None
    qos: str | None
    time_limit: str | None  # as SLURM writes times
    gpu_type: str | None
    cpus_per_device: int  # 0: the cluster's default
    memory: str | None  # of a node
    max_requeues: int
    save_seconds: int  # between the signal and the time limit
    seeds: tuple[int, ...]  # of an array job; empty: one run with training.seed
    image: str | None
    mounts: tuple[tuple[str, str], ...]  # (path in the container, path of the node)


@dataclass(frozen=True, kw_only=True)
class KubernetesPlan:
    """A TrainJob of Kubeflow Trainer 2."""

    name: str
    namespace: str | None
    runtime: str
    image: str
    folder: str  # the compiled folder in the container
    mounts: tuple[tuple[str, str], ...]  # (path in the container, PersistentVolumeClaim)
    service_account: str | None
    secret: str
    cpu: str | None
    memory: str | None
    gpu_resource: str
    save_seconds: int


@dataclass(frozen=True, kw_only=True)
class SkypilotPlan:
    """A task of SkyPilot."""

    cloud: str | None
    region: str | None
    accelerator: str | None
    spot: bool
    image: str | None
    workdir: str
    folder: str  # the compiled folder below workdir
    mounts: tuple[tuple[str, str], ...]  # (path on the machine, source)


@dataclass(frozen=True, kw_only=True)
class CiPlan:
    """A workflow that tries the spec."""

    spec: str | None  # None: specs/ and the file's name
    folder: str
    requirement: str
    python: str
    runs_on: str


@dataclass(frozen=True, kw_only=True)
class LaunchPlan:
    """What starts the run."""

    target: LaunchTarget
    setup: tuple[str, ...]  # shell lines before the start, as the spec's author wrote them
    environment: tuple[tuple[str, str], ...]
    secrets: tuple[str, ...]  # names of variables; no plan holds their values
    timeout_seconds: int  # that processes wait for one of them
    torchrun: TorchrunPlan | None  # of these four, the target's own is set
    slurm: SlurmPlan | None
    kubernetes: KubernetesPlan | None
    skypilot: SkypilotPlan | None
    ci: CiPlan | None
