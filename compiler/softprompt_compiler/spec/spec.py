"""The whole spec."""

from typing import Annotated

from pydantic import Field

from softprompt_compiler.spec.inference import InferenceSection
from softprompt_compiler.spec.launch import LaunchSection
from softprompt_compiler.spec.model import ModelSection
from softprompt_compiler.spec.parallelism import ParallelismSection
from softprompt_compiler.spec.prompt_learning import PromptLearningSection
from softprompt_compiler.spec.section import Name, Section
from softprompt_compiler.spec.task import TaskSection
from softprompt_compiler.spec.training import TrainingSection

SPEC_VERSION = 1


class Spec(Section):
    """One run: a base model, tasks, and how their soft prompts are trained."""

    version: int = Field(
        ge=SPEC_VERSION,
        le=SPEC_VERSION,
        description="Version of the spec language.",
        examples=[SPEC_VERSION],
    )
    name: Name = Field(
        description="Name of the run and of its folder under `runs/`: letters, digits, `_`, `.` "
        "and `-`, 64 at most.",
        examples=["squad"],
    )
    model: ModelSection = Field(description="The frozen base model.")
    tasks: Annotated[dict[Name, TaskSection], Field(min_length=1)] = Field(
        description="The tasks, each under its name. They share one run and, with p-tuning, one "
        "prompt encoder; each has virtual tokens of its own.",
    )
    prompt_learning: PromptLearningSection = Field(
        default_factory=PromptLearningSection, description="What is trained."
    )
    training: TrainingSection = Field(
        default_factory=TrainingSection, description="The optimization."
    )
    parallelism: ParallelismSection = Field(
        default_factory=ParallelismSection,
        description="The machine, and how the run is laid out on it.",
    )
    inference: InferenceSection = Field(
        default_factory=InferenceSection, description="How completions are generated."
    )
    launch: LaunchSection = Field(default_factory=LaunchSection, description="What starts the run.")
