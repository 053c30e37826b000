"""`launch`: what starts the run."""

from typing import Annotated

from pydantic import Field

from softprompt_compiler.spec.section import Items, Section, Word
from softprompt_plan.vocabulary import LaunchTarget

VariableName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]


class LaunchSection(Section):
    """What starts the run."""

    target: Word[LaunchTarget] = Field(
        default=LaunchTarget.LOCAL, description="What starts the processes of the run."
    )
    setup: Items[str] = Field(
        default=(),
        description="Shell lines that `launch.sh` runs first, as they are.",
        examples=[["source .venv/bin/activate"]],
    )
    environment: dict[VariableName, str] = Field(
        default_factory=dict,
        description="Environment variables of the run, taken literally.",
        examples=[{"OMP_NUM_THREADS": "2"}],
    )
