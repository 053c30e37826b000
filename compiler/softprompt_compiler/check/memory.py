"""Whether the base model's weights alone are too much for the GPU."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.check.places import stated
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.parallelism import ParallelismSection
from softprompt_plan.vocabulary import ModelDtype

_GIB = 1 << 30


def check_weights_fit(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0360: whatever the rows are, the frozen weights have to be held."""
    layout, dtype = resolved.spec.parallelism, resolved.spec.model.dtype
    if layout.gpu is None:
        return
    from softprompt_compiler.gpus import GPUS  # most specs name none
    from softprompt_compiler.memory.weights import num_values

    gpu, shape = GPUS.get(layout.gpu), resolved.model_facts.shape
    if gpu is None or shape is None:
        return
    values = num_values(
        shape,
        num_blocks=shape.num_layers // layout.pipeline_model_parallel_size,
        is_first=layout.pipeline_model_parallel_size == 1,
        is_last=layout.pipeline_model_parallel_size == 1,
        tensor_parallel=layout.tensor_model_parallel_size,
        weight_shards=_weight_shards(layout),
    )
    taken = values * (4 if dtype is ModelDtype.FLOAT32 else 2)
    if taken <= gpu.memory_bytes:
        return
    hint = "share the model out: `spec plan` names the smallest tensor-parallel size that fits"
    yield rules.DOES_NOT_FIT.at(
        stated(resolved, f"`{gpu.name}`", "parallelism", "gpu").span,
        what="the weights that a rank holds take",
        taken=f"{taken / _GIB:,.1f} GiB",
        gpu=gpu.name,
        has=f"{gpu.memory_bytes / _GIB:,.1f} GiB",
        help=["write `dtype: bfloat16`", hint] if dtype is ModelDtype.FLOAT32 else hint,
    )


def _weight_shards(layout: ParallelismSection) -> int:
    """Replicas that share out the blocks' weights."""
    model_parallel = layout.tensor_model_parallel_size * layout.pipeline_model_parallel_size
    replicas = layout.num_nodes * layout.devices // model_parallel
    return max(1, replicas) if layout.shard_base_model else 1
