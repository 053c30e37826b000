"""A transformers model whose layers are shared out over tensor-parallel processes.

Its modules stay what they are, with smaller weights; hooks let the processes meet where a part of a
block begins and ends (regions.py), so that padded batches, masks and caches work as ever.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from transformers.pytorch_utils import Conv1D

from softprompt_runtime.model_facts import FamilyLayout, ModelFacts, part
from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.parallel.regions import Region, region_here
from softprompt_runtime.parallel.tensor_split import HEAD_NORMS, Share, shares_of
from softprompt_runtime.parallel.vocabulary import VocabularyShard


@final
@dataclass(frozen=True, kw_only=True)
class TensorShards:
    """How one model lies on the processes of a tensor axis.

    facts: of the whole model. shares: by parameter name. vocabulary: of its head.
    """

    axis: Axis
    facts: ModelFacts
    shares: dict[str, Share]
    vocabulary: VocabularyShard

    @staticmethod
    def of(hf_model: Any, facts: ModelFacts, axis: Axis) -> "TensorShards":
        """For a model or a stage of one, with or without values; facts: of the whole model.

        Raises RunFailure if it cannot be split.
        """
        shares = shares_of(hf_model, facts, axis)
        vocabulary = VocabularyShard(axis=axis, total=facts.vocab_size)
        return TensorShards(axis=axis, facts=facts, shares=shares, vocabulary=vocabulary)

    @torch.no_grad()
    def cut(self, hf_model: Any) -> None:
        """Keep this process's parts of the weights of a whole model, in place."""
        for name, weight in hf_model.named_parameters():
            if name in self.shares:
                whole: Tensor = weight.data
                own = self.shares[name].take(lambda dim, a, b, w=whole: w.narrow(dim, a, b - a))
                weight.data = own.clone(memory_format=torch.contiguous_format)

    def connect(self, hf_model: Any) -> None:
        """Let the processes meet inside a model that holds this process's parts."""
        layout = self.facts.layout
        assert layout is not None, "an unknown family is not split"
        blocks = part(hf_model, layout.blocks)
        for at, block in enumerate(blocks):
            _connect_block(block, layout, self.axis)
            for path in HEAD_NORMS:
                share = self.shares.get(f"{layout.blocks}.{at}.{path}.weight")
                if share is not None and len(share.shape) == 1:
                    _norm_over_all(part(block, path), self.axis)
        _before(blocks[0], self.axis, Region.share_out)
        _after(part(hf_model, layout.final_norm), self.axis, Region.collect)
        embedding, head = part(hf_model, layout.embeddings), part(hf_model, layout.head)
        if hasattr(embedding, "weight"):  # not so on a later pipeline stage
            total = self.facts.num_embeddings
            VocabularyShard(axis=self.axis, total=total).shard_embedding(embedding)
        if hasattr(head, "weight"):
            self.vocabulary.shard_head(head)


def _connect_block(block: Any, layout: FamilyLayout, axis: Axis) -> None:
    attention = part(block, layout.attention)
    if hasattr(attention, "split_size"):  # GPT-2 cuts its fused output by this width
        attention.split_size //= axis.size
    for path in (*layout.by_output, *layout.fused):
        layer = part(block, path)
        if isinstance(layer, Conv1D):
            layer.nf //= axis.size
    for module in (attention, part(block, layout.mlp)):
        _before(module, axis, Region.enter)
    for path in layout.by_input:
        _after(part(block, path), axis, Region.leave)


def _norm_over_all(norm: Any, axis: Axis) -> None:
    """Let an RMSNorm, which holds the weights of the own heads, norm over all heads (OLMo 2)."""

    def forward(hidden: Tensor) -> Tensor:
        wide = hidden.float()
        total = region_here(axis).sum_for_all(wide.square().sum(-1, keepdim=True))
        mean = total / (axis.size * wide.shape[-1])
        return (norm.weight * (wide * torch.rsqrt(mean + norm.variance_epsilon))).to(hidden.dtype)

    norm.forward = forward


def _before(module: Any, axis: Axis, change: Callable[[Region, Tensor], Tensor]) -> None:
    """Change the hidden states that the module is called with."""

    def changed(hidden: Tensor) -> Tensor:
        return change(region_here(axis), hidden)

    def hook(_: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if "hidden_states" in named:
            return arguments, {**named, "hidden_states": changed(named["hidden_states"])}
        return (changed(arguments[0]), *arguments[1:]), named

    module.register_forward_pre_hook(hook, with_kwargs=True)


def _after(module: Any, axis: Axis, change: Callable[[Region, Tensor], Tensor]) -> None:
    """Change the tensor that the module gives."""

    def hook(_: Any, arguments: tuple[Any, ...], output: Tensor) -> Tensor:
        return change(region_here(axis), output)

    module.register_forward_hook(hook)
