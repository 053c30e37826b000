"""Whether the base model can be split as `parallelism` says."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross
from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.check.places import conflict, counted, stated
from softprompt_compiler.diagnostic import Diagnostic, Label
from softprompt_compiler.facts import ModelFacts
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tree import Path
from softprompt_plan.families import PARALLEL_FAMILIES
from softprompt_plan.vocabulary import EncoderType, PromptStyle

_TENSOR: Path = ("parallelism", "tensor_model_parallel_size")
_PIPELINE: Path = ("parallelism", "pipeline_model_parallel_size")


def check_tensor_split(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0316: each tensor-parallel rank has whole heads and an equal share of the MLP.

    The vocabulary need not divide: the last rank holds fewer of its rows.
    """
    size, facts = resolved.spec.parallelism.tensor_model_parallel_size, resolved.model_facts
    if facts.family not in PARALLEL_FAMILIES:  # SP0318 says it
        return
    uneven = [counted(count, thing) for thing, count in _split_parts(facts) if count % size]
    if facts.vocab_size < size:
        uneven.append(counted(facts.vocab_size, "vocabulary row"))
    if not uneven:
        return
    span = resolved.place("model", "source")
    yield conflict(
        rules.TENSOR_SPLIT,
        stated(resolved, size, *_TENSOR),
        Label(span=span, text=f"this model has {_sizes_in_words(facts)}"),
        parts=_and(uneven),
        size=size,
        help=_other_layouts(facts, size, resolved.spec.parallelism.pipeline_model_parallel_size),
    )


def tensor_parallel_sizes(facts: ModelFacts) -> list[int]:
    """The sizes above 1 that a model can be split into; none for a family that is not split."""
    if facts.family not in PARALLEL_FAMILIES:
        return []
    counts = [count for _, count in _split_parts(facts)]
    most = min(facts.num_heads, facts.vocab_size)
    return [each for each in range(2, most + 1) if all(count % each == 0 for count in counts)]


def _split_parts(facts: ModelFacts) -> list[tuple[str, int]]:
    """What tensor parallelism shares out in equal parts. Without grouped queries KV heads go
    with their heads.
    """
    parts = [("attention head", facts.num_heads)]
    if facts.num_kv_heads != facts.num_heads:
        parts.append(("KV head", facts.num_kv_heads))
    return [*parts, ("MLP column", facts.mlp_width)]


def _other_layouts(facts: ModelFacts, size: int, stages: int) -> str:
    """The tensor-parallel size nearest to `size` that works, or the layers split in its place."""
    works = tensor_parallel_sizes(facts)
    ways: list[str] = []
    if works:
        nearest = min(works, key=lambda each: (abs(each - size), -each))
        ways.append(f"write `tensor_model_parallel_size: {nearest}`")
    if size * stages <= facts.num_layers:
        layers = f"`pipeline_model_parallel_size: {size * stages}`"
        ways.append(f"split the layers in its place: {layers}")
    return ", or ".join(ways) or "leave `tensor_model_parallel_size` out"


def _sizes_in_words(facts: ModelFacts) -> str:
    return _and([*(counted(count, thing) for thing, count in _split_parts(facts))])


def _and(words: list[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + f" and {words[-1]}"


def check_pipeline_split(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0317: each pipeline stage has a layer."""
    stages, facts = resolved.spec.parallelism.pipeline_model_parallel_size, resolved.model_facts
    if facts.family not in PARALLEL_FAMILIES or stages <= facts.num_layers:
        return
    text = f"this model has {counted(facts.num_layers, 'layer')}"
    yield conflict(
        rules.PIPELINE_SPLIT,
        stated(resolved, stages, *_PIPELINE),
        Label(span=resolved.place("model", "source"), text=text),
        layers=counted(facts.num_layers, "layer"),
        stages=stages,
        help=f"write `pipeline_model_parallel_size: {facts.num_layers}` or less",
    )


def check_family(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0318: how models of this family are split is known."""
    layout, family = resolved.spec.parallelism, resolved.model_facts.family
    sizes = ((_TENSOR, layout.tensor_model_parallel_size),)
    sizes += ((_PIPELINE, layout.pipeline_model_parallel_size),)
    split = [stated(resolved, size, *path) for path, size in sizes if size > 1]
    if not split or family in PARALLEL_FAMILIES:
        return
    text = f"this model is of the family `{family}`"
    known = ", ".join(f"`{name}`" for name in sorted(PARALLEL_FAMILIES))
    yield conflict(
        rules.UNSPLIT_FAMILY,
        *split,
        Label(span=resolved.place("model", "source"), text=text),
        family=family,
        notes=f"these can be split: {known}",
        help="leave both sizes out; several `devices` then hold a replica of the model each",
    )


def check_sequence_parallel(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0243: only tensor-parallel ranks have activations to share out."""
    layout = resolved.spec.parallelism
    if layout.sequence_parallel and layout.tensor_model_parallel_size == 1:
        yield conflict(
            cross.SEQUENCE_PARALLEL_ALONE,
            stated(resolved, "true", "parallelism", "sequence_parallel"),
            stated(resolved, 1, *_TENSOR),
            help="write `sequence_parallel: false`, or a `tensor_model_parallel_size` above 1",
        )


def check_encoder_split(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0244: each tensor-parallel rank has an equal share of a `tpmlp` encoder."""
    learning = resolved.spec.prompt_learning
    size = resolved.spec.parallelism.tensor_model_parallel_size
    if learning.virtual_prompt_style is not PromptStyle.P_TUNING:
        return
    encoder = learning.encoder
    if encoder.type is not EncoderType.TPMLP or encoder.hidden_size % size == 0:
        return
    near = max(1, round(encoder.hidden_size / size)) * size
    yield conflict(
        cross.ENCODER_SPLIT,
        stated(resolved, encoder.hidden_size, "prompt_learning", "encoder", "hidden_size"),
        stated(resolved, size, *_TENSOR),
        width=encoder.hidden_size,
        size=size,
        help=f"write `hidden_size: {near}`; an encoder of type `mlp` is not split",
    )
