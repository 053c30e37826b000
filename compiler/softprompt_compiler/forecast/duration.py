"""How long a step takes, by counting multiplications and assuming a share of the peak.

A matrix product takes 2 operations for each weight and token. Frozen weights get no gradient, so
that the backward pass, to the inputs alone, takes as many as the forward pass, not twice as many.
"""

from dataclasses import dataclass

from softprompt_compiler.gpus import Gpu
from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.weights import num_matrix_values
from softprompt_plan.vocabulary import ActivationsCheckpoint

# Assumed: of a GPU's peak, what matrix products of a training reach. Llama 3's report names 38 to
# 43 % (Dubey et al. 2024, section 3.3.2); short rows and small batches stay below.
PEAK_SHARE = 0.4


@dataclass(frozen=True, kw_only=True)
class StepWork:
    """Floating-point operations of one optimizer step, on all ranks together."""

    blocks: float
    attention: float
    head: float
    recomputed: float

    @property
    def total(self) -> float:
        """All of them."""
        return self.blocks + self.attention + self.head + self.recomputed


def step_work(
    shape: ModelShape,
    mode: ActivationsCheckpoint,
    *,
    num_tokens: float,
    row_length: float,
    num_targets: float,
) -> StepWork:
    """The work of a step. num_tokens: that are computed. num_targets: loss tokens."""
    forward = 2 * num_matrix_values(shape, 1) * shape.num_layers * num_tokens
    # scores and their products with values, of half the tokens of a row on average
    width = shape.num_heads * shape.head_dim
    attention = 4 * width * (row_length / 2) * shape.num_layers * num_tokens
    again = {
        ActivationsCheckpoint.NONE: 0.0,
        ActivationsCheckpoint.SELECTIVE: attention,
        ActivationsCheckpoint.FULL: forward + attention,
    }[mode]
    return StepWork(
        blocks=2 * forward,
        attention=3 * attention,  # its backward pass takes twice as many: both factors vary
        head=2 * 2 * shape.vocab_size * shape.width * num_targets,
        recomputed=again,
    )


def step_seconds(
    work: StepWork, gpu: Gpu, *, num_ranks: int, is_half: bool, bubble: float
) -> float:
    """Seconds of a step on so many GPUs that share the work out evenly."""
    peak = gpu.half_flops if is_half else gpu.float32_flops
    return work.total / (PEAK_SHARE * peak * num_ranks * (1 - bubble))
