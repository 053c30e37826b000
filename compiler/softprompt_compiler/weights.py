"""What a base model's weight files hold: counts and bytes. Headers are read, never a weight."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from softprompt_plan.gguf import BLOCKS, GgufMetadata

if TYPE_CHECKING:
    from softprompt_plan.weight_files import WeightFault

_GGML_NAMES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K",
    11: "Q3_K", 12: "Q4_K", 13: "Q5_K", 14: "Q6_K", 30: "BF16",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class WeightFacts:
    """The weights of a model, as its files hold them.

    num_parameters: numbers of the loaded model: a head that is tied to the embeddings counts once,
    masks and rotary tables do not count. num_bytes: of them in the files. parameters, bytes: both
    by the files' own data types. digest: sha256 of names, types and shapes.
    """

    num_parameters: int
    num_bytes: int
    parameters: Mapping[str, int]
    bytes: Mapping[str, int]
    digest: str
    faults: "tuple[WeightFault, ...]" = ()

    @property
    def is_whole(self) -> bool:
        """Whether the counts are those of the whole model."""
        return not self.faults


def gguf_weights(metadata: GgufMetadata) -> WeightFacts:
    """The weights of a GGUF file, whose tensors have been compared with its config."""
    tensors: dict[str, tuple[str, tuple[int, ...], int]] = {}
    for name, tensor in metadata.tensors.items():
        values, size = BLOCKS.get(tensor.ggml_type, (1, 0))
        dtype = _GGML_NAMES.get(tensor.ggml_type, f"ggml type {tensor.ggml_type}")
        tensors[name] = dtype, tensor.shape[::-1], prod(tensor.shape) // values * size
    tensors.pop("rope_freqs.weight", None)
    return weight_facts(tensors)


def weight_facts(
    tensors: Mapping[str, tuple[str, tuple[int, ...], int]], faults: "Iterable[WeightFault]" = ()
) -> WeightFacts:
    """The facts of tensors, each given by data type, shape and number of bytes."""
    parameters: Counter[str] = Counter()
    num_bytes: Counter[str] = Counter()
    digest = hashlib.sha256()
    for name, (dtype, shape, size) in sorted(tensors.items()):
        parameters[dtype] += prod(shape)
        num_bytes[dtype] += size
        digest.update(f"{name}\0{dtype}\0{shape}\n".encode(errors="replace"))
    return WeightFacts(
        num_parameters=parameters.total(),
        num_bytes=num_bytes.total(),
        parameters=dict(parameters),
        bytes=dict(num_bytes),
        digest=digest.hexdigest(),
        faults=tuple(faults),
    )
