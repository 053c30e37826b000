"""All that one rank holds in a training, at each of its moments."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from softprompt_compiler.memory.activations import Peak, StepShape, kept, peak
from softprompt_compiler.memory.batch import BatchShape, pack
from softprompt_compiler.memory.generation import GenerationShape, generation, validation
from softprompt_compiler.memory.learner import kept_by_learner, learner_size
from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.term import Term, term, total
from softprompt_compiler.memory.weights import num_rotary_values, num_scale_values, num_values
from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import ActivationsCheckpoint


@dataclass(frozen=True, kw_only=True)
class Training:
    """What decides the memory of a training. value_bytes: of a weight of the base model.

    is_mixed: products are taken in 16 bits though the weights have 32.
    num_virtual: virtual tokens of each task. batch: the micro-batch that needs most.
    num_micro_batches: of a step, on each data-parallel rank. generation: None where nothing is
    completed. stage_layers: blocks of each pipeline stage. weight_shards: replicas that share out
    the blocks' weights, which then run through transformers' own code.
    """

    shape: ModelShape
    value_bytes: int
    is_mixed: bool
    mode: ActivationsCheckpoint
    encoder: EncoderPlan | None
    num_virtual: tuple[int, ...]
    batch: BatchShape
    num_micro_batches: int
    validates: bool
    generation: GenerationShape | None
    stage_layers: tuple[int, ...]
    tensor_parallel: int = 1
    sequence_parallel: bool = False
    weight_shards: int = 1

    @property
    def num_stages(self) -> int:
        """Pipeline stages."""
        return len(self.stage_layers)


@dataclass(frozen=True, kw_only=True)
class RankMemory:
    """One rank of a pipeline stage. standing: what is there at every moment of a training.

    moments: what comes on top, at each of the moments that can need most.
    """

    stage: int
    num_blocks: int
    in_flight: int  # micro-batches whose activations are kept at once
    standing: tuple[Term, ...]
    moments: tuple[Peak, ...]

    @property
    def worst(self) -> Peak:
        """The moment that needs most."""
        return max(self.moments, key=lambda moment: moment.num_bytes)

    @property
    def num_bytes(self) -> int:
        """At that moment, all together."""
        return total(self.standing) + self.worst.num_bytes


def ranks_of(training: Training) -> tuple[RankMemory, ...]:
    """One rank of each pipeline stage. Those of a stage hold alike, the first one most."""
    return tuple(_rank(training, stage) for stage in range(training.num_stages))


def in_flight(stage: int, num_stages: int, num_micro_batches: int) -> int:
    """Micro-batches that a stage keeps at once under 1F1B (Narayanan et al. 2021, section 2.2).

    With fewer of them than stages all go forward before any goes back.
    """
    if num_micro_batches < num_stages:
        return num_micro_batches
    return num_stages - stage


def _rank(training: Training, stage: int) -> RankMemory:
    is_last = stage == training.num_stages - 1
    fetches = training.weight_shards > 1
    step = StepShape(
        shape=replace(training.shape, is_lean=training.shape.is_lean and not fetches),
        packed=pack(training.batch),
        value_bytes=2 if training.is_mixed else training.value_bytes,
        is_mixed=training.is_mixed,
        mode=training.mode,
        num_blocks=training.stage_layers[stage],
        is_last=is_last,
        tensor_parallel=training.tensor_parallel,
        sequence_parallel=training.sequence_parallel and training.tensor_parallel > 1,
    )
    number = in_flight(stage, training.num_stages, training.num_micro_batches)
    return RankMemory(
        stage=stage,
        num_blocks=step.num_blocks,
        in_flight=number,
        standing=tuple(_standing(training, stage)),
        moments=tuple(_moments(training, step, number, is_first=stage == 0)),
    )


def _standing(training: Training, stage: int) -> Iterator[Term]:
    """Weights, and what the optimizer knows of each trained value."""
    shape = training.shape
    frozen = num_values(
        shape,
        num_blocks=training.stage_layers[stage],
        is_first=stage == 0,
        is_last=stage == training.num_stages - 1,
        tensor_parallel=training.tensor_parallel,
        weight_shards=training.weight_shards,
    )
    yield term("frozen weights", ("W", frozen), ("b", training.value_bytes))
    if rotary := num_rotary_values(shape):
        yield term("tables of the base model", ("buffers", rotary), 4)
    if scales := num_scale_values(shape):
        yield term("scale of the embeddings", scales, ("b", training.value_bytes))
    ranks = training.tensor_parallel
    learner = learner_size(training.encoder, shape.width, training.num_virtual, ranks)
    trained = ("T", learner.trainable)
    if training.weight_shards > 1:  # the one that runs and the next one
        block = num_values(
            shape,
            num_blocks=1,
            is_first=False,
            is_last=False,
            tensor_parallel=training.tensor_parallel,
        )
        yield term("weights of two blocks, fetched", 2, ("w", block), ("b", training.value_bytes))
    yield term("trained weights, float32", trained, 4)
    yield term("Adam's two moments", trained, 8)
    yield term("Adam's step counts", ("tensors", learner.num_tensors), 4)
    if learner.fixed:
        yield term("first values of the tables", ("P D", learner.fixed), 4)


def _moments(training: Training, step: StepShape, number: int, *, is_first: bool) -> Iterator[Peak]:
    whose = (training.encoder, training.shape.width, training.num_virtual)
    learner = kept_by_learner(*whose, training.tensor_parallel)
    own = learner if is_first else ()
    highest = peak(step)
    others = [each.times("in flight", number - 1) for each in kept(step)] if number > 1 else []
    yield replace(highest, terms=(*highest.terms, *others, *own))
    trained = learner_size(*whose, training.tensor_parallel).trainable
    yield Peak(
        moment="the optimizer's step",
        terms=(
            term("gradients", ("T", trained), 4),
            term("roots of the second moments", ("T", trained), 4),
        ),
    )
    if training.validates:
        yield validation(step, training.batch)
    if training.generation is not None:
        yield generation(step, training.generation)
