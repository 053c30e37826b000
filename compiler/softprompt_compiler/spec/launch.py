"""`launch`: what starts the run."""

from typing import Annotated

from pydantic import Field

from softprompt_compiler.spec.launch_targets import (
    CiSection,
    KubernetesSection,
    SkypilotSection,
    SlurmSection,
    TorchrunSection,
)
from softprompt_compiler.spec.section import Count, Items, Section, Word
from softprompt_plan.vocabulary import LaunchTarget

VARIABLE_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
VariableName = Annotated[str, Field(pattern=VARIABLE_PATTERN)]


class LaunchSection(Section):
    """What starts the run. Of the sections for targets, the one that `target` names counts."""

    target: Word[LaunchTarget] = Field(
        default=LaunchTarget.LOCAL, description="What starts the processes of the run."
    )
    setup: Items[str] = Field(
        default=(),
        description="Shell lines that `launch.sh` runs before it starts Python, as they are.",
        examples=[["source .venv/bin/activate"]],
    )
    environment: dict[VariableName, str] = Field(
        default_factory=dict,
        description="Environment variables of the run, taken literally.",
        examples=[{"OMP_NUM_THREADS": "2"}],
    )
    secrets: Items[VariableName] = Field(
        default=(),
        description="Names of environment variables whose values are secret: they are taken from "
        "the environment that starts the run, or from a Secret of Kubernetes.",
        examples=[["HF_TOKEN"]],
    )
    timeout_seconds: Count = Field(
        default=1800,
        description="Seconds that the processes of a run wait for one of them, before the run ends "
        "and says which one did not come.",
    )
    torchrun: TorchrunSection = Field(
        default_factory=TorchrunSection, description="For the target `torchrun`."
    )
    slurm: SlurmSection = Field(default_factory=SlurmSection, description="For the target `slurm`.")
    kubernetes: KubernetesSection = Field(
        default_factory=KubernetesSection, description="For the target `kubernetes`."
    )
    skypilot: SkypilotSection = Field(
        default_factory=SkypilotSection, description="For the target `skypilot`."
    )
    ci: CiSection | None = Field(
        default=None,
        description="The workflow `ci.yml`, whatever the target is; none if left out.",
        examples=[{"spec": "specs/squad.yaml"}],
    )
