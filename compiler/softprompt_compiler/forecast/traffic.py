"""What a rank sends in an optimizer step, in bytes, and how long pipeline stages wait.

An all-reduce of n bytes among t ranks sends 2 n (t - 1) / t from each (a ring: Thakur et al. 2005).
Sequence parallelism sends as much: it splits each all-reduce into its two halves.
"""

from dataclasses import dataclass

from softprompt_compiler.memory.rank import Training
from softprompt_plan.vocabulary import ActivationsCheckpoint

# A block's forward pass sums over ranks after its attention and after its MLP, and its backward
# pass before each of them (Shoeybi et al. 2019, section 3).
_SUMS_PER_BLOCK = 4


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Bytes that one rank sends in a step, on average over full steps.

    bubble: share of a step in which a pipeline stage waits (Narayanan et al. 2021, section 2.2).
    """

    tensor_parallel: int
    pipeline_parallel: int
    data_parallel: int
    bubble: float


def traffic_of(
    training: Training, *, tokens_per_micro_batch: float, trainable: int, data_parallel: int
) -> Traffic:
    """The traffic of a middle stage.

    tokens_per_micro_batch: that are computed. trainable: values that train.
    """
    shape, stages = training.shape, training.num_stages
    states = (
        tokens_per_micro_batch * shape.width * (2 if training.is_mixed else training.value_bytes)
    )
    again = 2 if training.mode is ActivationsCheckpoint.FULL else 0
    sums = (_SUMS_PER_BLOCK + again) * max(training.stage_layers)
    micro_batches = training.num_micro_batches
    return Traffic(
        tensor_parallel=round(micro_batches * sums * _all_reduce(states, training.tensor_parallel)),
        pipeline_parallel=round(micro_batches * 2 * states) if stages > 1 else 0,
        data_parallel=round(_all_reduce(4 * trainable, data_parallel)),
        bubble=(stages - 1) / (micro_batches + stages - 1),
    )


def _all_reduce(num_bytes: float, num_ranks: int) -> float:
    return 2 * num_bytes * (num_ranks - 1) / num_ranks
