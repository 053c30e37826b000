"""Which part of each weight a tensor-parallel process holds, from the table of model facts.

Plain tensors of the local part, not DTensor: frozen weights have no gradient, no optimizer state
and no checkpoint, which is what DTensor keeps account of.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.model_facts import FamilyLayout, ModelFacts, part
from softprompt_runtime.parallel.axis import Axis

# Norms of queries and keys, where a family has them; by their weights, see `_is_over_heads`.
HEAD_NORMS = ("self_attn.q_norm", "self_attn.k_norm")

Read = Callable[[int, int, int], Tensor]  # (dim, start, stop) of a weight to that slice


@final
@dataclass(frozen=True, kw_only=True)
class Share:
    """What a process holds of one weight.

    dim: the dimension that is shared out; None: only the first process has the values, the others
    zeros (a bias that is added once to a sum). groups: parts along dim, each of which is shared
    out. padded: the last parts are filled up with zeros, since the size does not divide.
    """

    axis: Axis
    shape: tuple[int, ...]  # of the whole weight
    dim: int | None
    groups: int = 1
    padded: bool = False

    @property
    def spans(self) -> list[tuple[int, int]]:
        """[start, stop) along dim of what this process holds, in order."""
        assert self.dim is not None
        size, index = self.axis.size, self.axis.index
        group = self.shape[self.dim] // self.groups
        own = -(-group // size)
        bounds = min(group, index * own), min(group, (index + 1) * own)
        return [(at * group + bounds[0], at * group + bounds[1]) for at in range(self.groups)]

    def take(self, read: Read) -> Tensor:
        """This process's part, perhaps a view, reading nothing else of the weight."""
        if self.dim is None:
            whole = read(0, 0, self.shape[0])
            return whole if self.axis.is_first else torch.zeros_like(whole)
        parts = [read(self.dim, start, stop) for start, stop in self.spans]
        own = torch.cat(parts, dim=self.dim) if len(parts) > 1 else parts[0]
        missing = -(-self.shape[self.dim] // self.axis.size) - own.shape[self.dim]
        if not self.padded or not missing:
            return own
        assert self.dim == 0, "vocabularies are rows"
        return F.pad(own, (0, 0) * (own.ndim - 1) + (0, missing))


def shares_of(hf_model: Any, facts: ModelFacts, axis: Axis) -> dict[str, Share]:
    """By parameter name: what this process holds. Weights that are not named are on every process.

    hf_model: a model or a stage of one, with or without values (on the meta device). facts: of the
    whole model. Raises RunFailure for one that cannot be shared out between so many processes.
    """
    layout = _require_divisible(hf_model, facts, axis)
    shapes = {name: tuple(weight.shape) for name, weight in hf_model.named_parameters()}
    shares: dict[str, Share] = {}
    for name, dim, groups in _dimensions(hf_model, layout):
        if name in shapes:
            shares[name] = Share(axis=axis, shape=shapes[name], dim=dim, groups=groups)
    for path in (layout.embeddings, layout.head):
        for name in (f"{path}.weight", f"{path}.bias"):
            if name in shapes:  # a tied head is the embedding's own parameter
                shares[name] = Share(axis=axis, shape=shapes[name], dim=0, padded=True)
    return shares


def _dimensions(hf_model: Any, layout: FamilyLayout) -> Iterator[tuple[str, int | None, int]]:
    """(parameter name, dimension shared out, groups) of all layers of all blocks."""
    for at, block in enumerate(part(hf_model, layout.blocks)):
        for path in (*layout.by_output, *layout.fused, *layout.by_input):
            name = f"{layout.blocks}.{at}.{path}"
            transposed = isinstance(part(block, path), Conv1D)
            by_input = path in layout.by_input
            groups = 3 if path in layout.fused else 1
            yield f"{name}.weight", int(by_input != transposed), groups
            yield f"{name}.bias", None if by_input else 0, groups
        for path in HEAD_NORMS:
            if _is_over_heads(block, path):
                yield f"{layout.blocks}.{at}.{path}.weight", 0, 1


def _is_over_heads(block: Any, path: str) -> bool:
    """Whether a norm has weights of its own for each head, as OLMo 2's and Cohere's have."""
    attention, _, name = path.partition(".")
    norm = getattr(getattr(block, attention, None), name, None)
    return norm is not None and norm.weight.numel() != part(block, attention).head_dim


def _require_divisible(hf_model: Any, facts: ModelFacts, axis: Axis) -> FamilyLayout:
    """Refuse what has no equal parts, or what a family computes over all heads at once."""
    layout, size = facts.layout, axis.size
    if layout is None:
        raise RunFailure(
            f"How to share out the layers of a {facts.model_type!r} model is not known",
            "Set parallelism.tensor_model_parallel_size: 1.",
        )
    block = part(hf_model, layout.blocks)[0]
    counts = {
        "attention heads": facts.num_heads,
        "KV heads": facts.num_kv_heads,
        "MLP columns": _width(part(block, layout.by_input[-1])),
    }
    for what, count in counts.items():
        if count % size:
            raise RunFailure(
                f"The base model has {count} {what}, which {size} tensor-parallel processes cannot "
                "share out equally",
                "Set parallelism.tensor_model_parallel_size to a number that divides them.",
            )
    return layout


def _width(layer: Any) -> int:
    """Inputs of a linear layer."""
    return int(layer.weight.shape[0 if isinstance(layer, Conv1D) else 1])
