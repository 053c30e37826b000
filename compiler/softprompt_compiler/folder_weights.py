"""The weights of a Hugging Face folder, and whether they agree with its config."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from softprompt_compiler.weights import WeightFacts, weight_facts
from softprompt_plan.safetensors_header import StoredTensor
from softprompt_plan.weight_files import (
    StoredWeights,
    WeightFault,
    WeightFaultKind,
    read_stored_weights,
)
from softprompt_plan.weight_shapes import (
    FamilyNames,
    ModelSizes,
    Shape,
    block_shapes,
    family_names,
    trunk_shapes,
)

_MAX_LAYERS = 10_000  # that are looked for one by one
# What older checkpoints store beside the weights: causal masks and rotary tables
_BUFFER = re.compile(r"(?:^|\.)(?:masked_bias|inv_freq)$")
_MASK = re.compile(r"(?:^|\.)(?:attn|attention)\.bias$")


def folder_weights(folder: Path, sizes: ModelSizes, *, packed: bool) -> WeightFacts | None:
    """The weights of a Hugging Face folder; None if it has none that can be read without pickle.

    packed: whether the config says that weights are quantized, in shapes of their own.
    """
    stored = read_stored_weights(folder)
    if stored is None:
        return None
    tensors = {name: each for name, each in stored.tensors.items() if not _is_buffer(name, each)}
    names = family_names(sizes.family)
    faults = list(stored.faults)
    if names is not None:
        if not packed and not faults:
            faults += _contradictions(stored, sizes, names)
        if sizes.tied and f"{_trunk(tensors, names)}{names.embeddings}.weight" in tensors:
            tensors.pop(_head(tensors, names), None)
    described = {name: (each.dtype, each.shape, each.num_bytes) for name, each in tensors.items()}
    return weight_facts(described, faults)


def _is_buffer(name: str, tensor: StoredTensor) -> bool:
    return bool(_BUFFER.search(name)) or (len(tensor.shape) == 4 and bool(_MASK.search(name)))


def _contradictions(
    stored: StoredWeights, sizes: ModelSizes, names: FamilyNames
) -> Iterator[WeightFault]:
    """What the files lack that the config's model has, and what has another shape."""
    tensors = stored.tensors
    trunk = _trunk(tensors, names)
    embeddings, head = f"{trunk}{names.embeddings}.weight", _head(tensors, names)
    wanted = dict(_wanted(sizes, names, trunk)) | {head: (sizes.vocab_size, sizes.width)}
    for name, shape in wanted.items():
        tensor = tensors.get(name)
        other = {head: embeddings, embeddings: head}.get(name)
        if tensor is None and not (sizes.tied and other in tensors):
            detail = f"by config.json a {sizes.family} model of this size has it"
            kind = WeightFaultKind.TENSOR_MISSING
            yield WeightFault(kind=kind, subject=name, detail=detail)
        elif tensor is not None and tensor.shape != shape:
            detail = f"is {_by(tensor.shape)}, and config.json makes it {_by(shape)}"
            yield WeightFault(kind=WeightFaultKind.SHAPE, subject=name, detail=detail)
    yield from _surplus_layers(tensors, f"{trunk}{names.blocks}.", sizes)


def _wanted(sizes: ModelSizes, names: FamilyNames, trunk: str) -> Iterator[tuple[str, Shape]]:
    for name, shape in trunk_shapes(sizes):
        yield trunk + name, shape
    block = tuple(block_shapes(sizes))
    for layer in range(min(sizes.num_layers, _MAX_LAYERS)):
        for name, shape in block:
            yield f"{trunk}{names.blocks}.{layer}.{name}", shape


def _trunk(tensors: Mapping[str, StoredTensor], names: FamilyNames) -> str:
    """What stands before the trunk's names: `model.`, nothing, or more if the model also sees."""
    ending = f"{names.embeddings}.weight"
    found = [name for name in tensors if name == ending or name.endswith(f".{ending}")]
    return min(found, key=len).removesuffix(ending) if found else f"{names.trunk}."


def _head(tensors: Mapping[str, StoredTensor], names: FamilyNames) -> str:
    ending = f"{names.head}.weight"
    found = [name for name in tensors if name == ending or name.endswith(f".{ending}")]
    return min(found, key=len, default=ending)


def _surplus_layers(
    tensors: Mapping[str, StoredTensor], blocks: str, sizes: ModelSizes
) -> Iterator[WeightFault]:
    """Layers beyond the config's number would be left out without a word."""
    layer = re.compile(re.escape(blocks) + r"([0-9]{1,9})\.")
    found = {int(match[1]) for name in tensors if (match := layer.match(name))}
    if found and max(found) >= sizes.num_layers:
        detail = f"is there, and config.json has {sizes.num_layers} layers, counted from 0"
        subject = f"{blocks}{max(found)}"
        yield WeightFault(kind=WeightFaultKind.SHAPE, subject=subject, detail=detail)


def _by(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "a single number"
