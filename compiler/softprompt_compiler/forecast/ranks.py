"""The plan's training as `memory` reckons it: on the plan's layout, and on others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

from softprompt_compiler.forecast.rows import TaskRows, TrainedRows
from softprompt_compiler.gpus import Gpu
from softprompt_compiler.memory.batch import BatchShape
from softprompt_compiler.memory.generation import GenerationShape
from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.rank import Training, ranks_of
from softprompt_plan.plan import Plan
from softprompt_plan.stages import LayerShape, stage_layers
from softprompt_plan.vocabulary import ModelDtype, Precision

_MIB = 1 << 20
# Assumed, not reckoned: what a process takes of a GPU before the first tensor (the CUDA context,
# kernels, cuBLAS's workspace), what NCCL takes for its channels, and what the allocator cannot use.
CONTEXT_BYTES = 700 * _MIB
CHANNEL_BYTES = 300 * _MIB
FRAGMENTED_SHARE = 0.05  # of what tensors take at the peak
# A plan that leaves less than this of a GPU's memory free is tight.
TIGHT_SHARE = 0.1
_MIXED = frozenset({Precision.BF16_MIXED, Precision.FP16_MIXED})


class Verdict(StrEnum):
    """Whether a training fits a GPU."""

    FITS = "fits"
    TIGHT = "tight"
    NO = "does not fit"


@dataclass(frozen=True, kw_only=True)
class Margin:
    """What is assumed beside the tensors, in bytes."""

    context: int
    channels: int
    fragmented: int

    @property
    def num_bytes(self) -> int:
        """All of it."""
        return self.context + self.channels + self.fragmented


def training_of(plan: Plan, shape: ModelShape, rows: TrainedRows) -> Training:
    """The plan's training, in its micro-batch that needs most: its longest rows, of one task."""
    parallelism, training = plan.parallelism, plan.training
    is_half = plan.model.dtype is not ModelDtype.FLOAT32
    found = Training(
        shape=shape,
        value_bytes=2 if is_half else 4,
        is_mixed=training.precision in _MIXED and not is_half,
        mode=parallelism.activations_checkpoint,
        encoder=plan.prompt_learning.encoder,
        num_virtual=tuple(task.num_virtual for task in rows.tasks),
        batch=_batch(rows.tasks[0], training.micro_batch_size),
        num_micro_batches=max(
            1,
            training.global_batch_size
            // (training.micro_batch_size * parallelism.data_parallel_size),
        ),
        validates=any(task.data.validation for task in plan.tasks),
        generation=_generation(plan, rows),
        stage_layers=layers_of(plan, shape, parallelism.pipeline_model_parallel_size),
        tensor_parallel=parallelism.tensor_model_parallel_size,
        sequence_parallel=parallelism.sequence_parallel,
        weight_shards=parallelism.data_parallel_size if parallelism.shard_base_model else 1,
    )
    batches = [_batch(task, training.micro_batch_size) for task in rows.tasks]
    return max((replace(found, batch=batch) for batch in batches), key=needed)


@cache  # asked again for each kind of GPU
def needed(training: Training) -> int:
    """Bytes of tensors on the rank that holds most."""
    return max(rank.num_bytes for rank in ranks_of(training))


def layers_of(plan: Plan, shape: ModelShape, num_stages: int) -> tuple[int, ...]:
    """Blocks of each pipeline stage, as the run splits them."""
    layers = LayerShape(
        width=shape.width,
        num_heads=shape.num_heads,
        num_kv_heads=shape.num_kv_heads,
        head_dim=shape.head_dim,
        mlp_width=shape.mlp_width,
        family=shape.family,
        vocab_size=shape.vocab_size,
    )
    return tuple(
        len(each) for each in stage_layers(layers, shape.num_layers, num_stages, plan.tasks)
    )


def margin_of(tensor_bytes: int, *, num_ranks: int) -> Margin:
    """What is assumed beside so many bytes of tensors."""
    return Margin(
        context=CONTEXT_BYTES,
        channels=CHANNEL_BYTES if num_ranks > 1 else 0,
        fragmented=round(FRAGMENTED_SHARE * tensor_bytes),
    )


def verdict_of(training: Training, gpu: Gpu, *, num_ranks: int) -> Verdict:
    """Whether each rank's part fits its GPU."""
    tensors = needed(training)
    taken = tensors + margin_of(tensors, num_ranks=num_ranks).num_bytes
    if taken > gpu.memory_bytes:
        return Verdict.NO
    is_tight = taken > (1 - TIGHT_SHARE) * gpu.memory_bytes
    return Verdict.TIGHT if is_tight else Verdict.FITS


def smallest_tensor_parallel(training: Training, gpu: Gpu, sizes: Sequence[int]) -> int | None:
    """The fewest tensor-parallel ranks that fit this GPU; sizes: those that split the model."""
    for size in sorted({1, *sizes}):
        ranks = size * training.num_stages
        split = replace(training, tensor_parallel=size)
        if verdict_of(split, gpu, num_ranks=ranks) is not Verdict.NO:
            return size
    return None


def _batch(rows: TaskRows, num_rows: int) -> BatchShape:
    return BatchShape(
        num_rows=num_rows,
        row_length=rows.longest,
        num_shared=min(rows.num_leading, rows.longest) if num_rows > 1 else 0,
        num_static=0,  # text before the first virtual token is taken to need gradients: the most
        num_virtual=rows.num_virtual,
        num_targets=rows.num_targets,
    )


def _generation(plan: Plan, rows: TrainedRows) -> GenerationShape | None:
    if not any(task.data.test for task in plan.tasks):
        return None
    new = plan.inference.tokens_to_generate
    prompt = max((task.asked for task in rows.tasks), default=0)
    if not rows.is_measured:
        prompt = plan.model.max_seq_length
    return GenerationShape(num_rows=plan.inference.batch_size, num_tokens=prompt + new, num_new=new)
