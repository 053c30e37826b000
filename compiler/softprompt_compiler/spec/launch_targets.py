"""`launch.torchrun`, `launch.slurm`, ...: what each launch target takes, and the CI workflow."""

from typing import Annotated

from pydantic import Field

from softprompt_compiler.spec.section import CountOrZero, Items, Section, Seed, Text

_CONTAINER_MOUNTS = "Where, as absolute paths inside the container, and what is mounted there: "
LONGEST_WARNING = 65535  # seconds, SLURM's own limit


class TorchrunSection(Section):
    """Processes that torchrun starts, on one machine or on several."""

    max_restarts: CountOrZero = Field(
        default=3,
        description="How often all processes are started again, from the last checkpoint, after "
        "one has died.",
    )
    rendezvous: Text | None = Field(
        default=None,
        description="Where the machines meet: `HOST:PORT` of the first one, reachable from all. "
        "The port after it is used too. Needed with several machines.",
        examples=["node1.example.org:29400"],
    )
    network_interface: Text | None = Field(
        default=None,
        description="Network interface over which the machines talk. Needed where a machine's own "
        "name resolves to a loopback address.",
        examples=["eth0"],
    )


class SlurmSection(Section):
    """A job of SLURM: `sbatch`, and `srun` with one task a device."""

    partition: Text | None = Field(
        default=None, description="Partition, or several with commas.", examples=["gpu"]
    )
    account: Text | None = Field(
        default=None, description="Account that pays for the job.", examples=["nlp-lab"]
    )
    qos: Text | None = Field(default=None, description="Quality of service.", examples=["normal"])
    time_limit: Text | None = Field(
        default=None,
        description="Time after which the job is ended: minutes, `HH:MM:SS`, `D-HH` or "
        "`D-HH:MM:SS`.",
        examples=["12:00:00", "2-00:00:00"],
    )
    gpu_type: Text | None = Field(
        default=None, description="Type of the GPUs, as the cluster names it.", examples=["h100"]
    )
    cpus_per_device: CountOrZero = Field(
        default=0, description="Processor cores for each device; 0 leaves it to the cluster."
    )
    memory: Text | None = Field(
        default=None, description="Memory of each node, such as `64G`.", examples=["64G"]
    )
    max_requeues: CountOrZero = Field(
        default=20,
        description="How often the job is put back into the queue after it was preempted, ran into "
        "its time limit or lost a node. It goes on from its last checkpoint.",
    )
    save_seconds: Annotated[int, Field(ge=1, le=LONGEST_WARNING)] = Field(
        default=90,
        description="Seconds before the time limit at which the run is told to save and stop: more "
        "than a step and a save take.",
    )
    seeds: Items[Seed] = Field(
        default=(),
        description="Seeds of an array job: one run each, named `NAME-seed-N`, in place of the one "
        "with `training.seed`.",
        examples=[[1, 2, 3]],
    )
    image: Text | None = Field(
        default=None,
        description="Container image, for clusters with the Pyxis plugin.",
        examples=["nvcr.io#nvidia/pytorch:26.09-py3"],
    )
    mounts: dict[str, Text] = Field(
        default_factory=dict,
        description=_CONTAINER_MOUNTS + "a path of the node.",
        examples=[{"/data": "/lustre/data"}],
    )


class KubernetesSection(Section):
    """A TrainJob of Kubeflow Trainer 2, one pod a machine."""

    name: Text | None = Field(
        default=None,
        description="Name of the TrainJob; that of the run if left out.",
        examples=["squad-v1"],
    )
    namespace: Text | None = Field(
        default=None, description="Namespace of the TrainJob.", examples=["nlp"]
    )
    runtime: Text = Field(
        default="torch-distributed",
        description="The cluster's ClusterTrainingRuntime for torch.",
    )
    image: Text | None = Field(
        default=None,
        description="Container image with softprompt's runtime. Must be given for this target.",
        examples=["registry.example.org/softprompt:0.1"],
    )
    folder: Text | None = Field(
        default=None,
        description="The compiled folder as the container sees it, an absolute path. Must be given "
        "for this target.",
        examples=["/work/build/squad"],
    )
    mounts: dict[str, Text] = Field(
        default_factory=dict,
        description=_CONTAINER_MOUNTS + "the name of a PersistentVolumeClaim.",
        examples=[{"/work": "team-volume"}],
    )
    service_account: Text | None = Field(
        default=None, description="Service account of the pods.", examples=["trainer"]
    )
    secret: Text = Field(
        default="softprompt",
        description="Name of the Secret whose keys are the names under `launch.secrets`.",
    )
    cpu: Text | None = Field(
        default=None, description="Processor cores of each pod.", examples=["16"]
    )
    memory: Text | None = Field(
        default=None, description="Memory of each pod, such as `128Gi`.", examples=["128Gi"]
    )
    gpu_resource: Text = Field(
        default="nvidia.com/gpu", description="Name under which the cluster hands out GPUs."
    )
    save_seconds: Annotated[int, Field(ge=1, le=LONGEST_WARNING)] = Field(
        default=90,
        description="Seconds that a pod that is being removed has to save.",
    )


class SkypilotSection(Section):
    """A task of SkyPilot."""

    cloud: Text | None = Field(
        default=None, description="Cloud; the cheapest one if left out.", examples=["gcp"]
    )
    region: Text | None = Field(
        default=None, description="Region of the cloud.", examples=["us-central1"]
    )
    accelerator: Text | None = Field(
        default=None,
        description="Name of the GPUs; their number is `parallelism.devices`.",
        examples=["H100"],
    )
    spot: bool = Field(default=False, description="Whether to take machines that may be withdrawn.")
    image: Text | None = Field(
        default=None,
        description="Container image or the cloud's image.",
        examples=["docker:registry.example.org/softprompt:0.1"],
    )
    workdir: Text = Field(
        default=".",
        description="Folder that is copied to the machines; it holds the spec and the compiled "
        "folder. Relative to where `sky` is called.",
    )
    folder: Text | None = Field(
        default=None,
        description="The compiled folder, relative to `workdir`; `build/NAME` if left out.",
        examples=["build/squad"],
    )
    mounts: dict[str, Text] = Field(
        default_factory=dict,
        description="Paths on the machines, and what is mounted there: a local path or a bucket.",
        examples=[{"/data": "s3://bucket/data"}],
    )


class CiSection(Section):
    """A GitHub Actions workflow that validates, compiles and tries the spec."""

    spec: Text | None = Field(
        default=None,
        description="The spec's path in the repository; `specs/` and the file's name if left out.",
        examples=["specs/squad.yaml"],
    )
    folder: Text | None = Field(
        default=None,
        description="The compiled folder in the repository, which must be up to date; `build/NAME` "
        "if left out.",
        examples=["build/squad"],
    )
    requirement: Text = Field(
        default="softprompt[runtime]", description="What pip installs in the workflow."
    )
    python: Text = Field(default="3.12", description="Version of Python.")
    runs_on: Text = Field(default="ubuntu-latest", description="The runner's label.")
