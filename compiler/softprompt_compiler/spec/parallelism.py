"""`parallelism`: the machine, and how the run is laid out on it."""

from pydantic import Field

from softprompt_compiler.spec.section import Count, Section, Text, Word
from softprompt_plan.vocabulary import Accelerator, ActivationsCheckpoint


class ParallelismSection(Section):
    """The machine, and how the run is laid out on it."""

    accelerator: Word[Accelerator] = Field(
        default=Accelerator.AUTO,
        description="Kind of device; `auto` takes a GPU if there is one.",
    )
    gpu: Text | None = Field(
        default=None,
        description="Name of the GPU with its memory, for the memory plan.",
        examples=["H100-80GB"],
    )
    num_nodes: Count = Field(default=1, description="Number of machines.")
    devices: Count = Field(default=1, description="Devices of one machine.")
    tensor_model_parallel_size: Count = Field(
        default=1, description="Devices that share each layer of the base model."
    )
    pipeline_model_parallel_size: Count = Field(
        default=1, description="Groups of devices that hold successive layers of the base model."
    )
    sequence_parallel: bool = Field(
        default=False,
        description="Whether tensor-parallel devices also share out the activations between them.",
    )
    shard_base_model: bool = Field(
        default=False,
        description="Whether replicas of the base model hold a share of its blocks' weights each, "
        "and fetch the rest from the others when a block runs.",
    )
    activations_checkpoint: Word[ActivationsCheckpoint] = Field(
        default=ActivationsCheckpoint.NONE,
        description="Which activations the backward pass computes again, to save memory: "
        "`selective` those of attention and what else is cheap, `full` whole layers. "
        "No result depends on it.",
    )
