"""A pipeline stage as a smaller model of the same family: its own blocks, and what is at its end.

The first stage has the embeddings, the last one the final norm and the head. What is missing is
replaced by modules that do nothing, so that transformers' own forward runs hidden states through.
Taken from a model on the meta device, a stage names all that is to be loaded, and nothing else.

N token ids, D width.
"""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.model_facts import FamilyLayout, ModelFacts, facts_of, part


@final
@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage among several. layers: its blocks, counted from 0 in the whole model."""

    index: int
    num_stages: int
    layers: range

    @staticmethod
    def whole(num_layers: int) -> "Stage":
        """The whole model."""
        return Stage(index=0, num_stages=1, layers=range(num_layers))

    @property
    def is_whole(self) -> bool:
        """Whether there are no other stages."""
        return self.num_stages == 1

    @property
    def is_first(self) -> bool:
        """Whether it has the embeddings."""
        return self.index == 0

    @property
    def is_last(self) -> bool:
        """Whether it has the final norm and the head."""
        return self.index == self.num_stages - 1

    def name_in_whole(self, layout: FamilyLayout, name: str) -> str:
        """The name that a parameter of the taken stage has in the whole model."""
        prefix = f"{layout.blocks}."
        if not name.startswith(prefix):
            return name
        number, _, rest = name.removeprefix(prefix).partition(".")
        return f"{prefix}{self.layers.start + int(number)}.{rest}"


def take_stage(hf_model: Any, stage: Stage) -> ModelFacts:
    """Leave of a transformers causal language model what the stage needs, in place.

    Returns the facts of the whole model, which can no longer be seen in it. Blocks are counted from
    0 afterwards, in names, caches and config. The head of the last stage has a weight of its own
    where the model ties it to the embeddings. Raises RunFailure for a family that is not in the
    table of model facts.
    """
    facts = facts_of(hf_model)
    layout = facts.layout
    if layout is None:
        raise RunFailure(
            f"A {facts.model_type!r} model cannot be split into pipeline stages",
            "Set parallelism.pipeline_model_parallel_size to 1.",
        )
    _take_blocks(hf_model, layout, stage)
    dtype = hf_model.get_input_embeddings().weight.dtype
    if not stage.is_first:
        _put(hf_model, layout.embeddings, _Elsewhere(facts.width, dtype))
        if layout.position_embeddings is not None:
            _put(hf_model, layout.position_embeddings, _NoPositions())
        trunk = part(hf_model, layout.trunk)
        if hasattr(trunk, "embedding_multiplier"):  # Granite's trunk applies it to what comes in
            trunk.embedding_multiplier = 1.0
    if not stage.is_last:
        _put(hf_model, layout.final_norm, nn.Identity())
        _put(hf_model, layout.head, nn.Identity())
    return facts


def _take_blocks(hf_model: Any, layout: FamilyLayout, stage: Stage) -> None:
    config = hf_model.config.get_text_config()
    num_layers = config.num_hidden_layers
    blocks = part(hf_model, layout.blocks)[stage.layers.start : stage.layers.stop]
    for at, block in enumerate(blocks):
        for module in block.modules():
            if hasattr(module, "layer_idx"):  # the cache's, and that of kept keys and values
                module.layer_idx = at
    _put(hf_model, layout.blocks, blocks)
    for key, value in vars(config).items():
        if isinstance(value, list) and len(value) == num_layers:  # one entry a layer: their types
            setattr(config, key, value[stage.layers.start : stage.layers.stop])
    config.num_hidden_layers = len(stage.layers)


def _put(hf_model: Any, path: str, module: nn.Module) -> None:
    parent, _, name = path.rpartition(".")
    setattr(part(hf_model, parent) if parent else hf_model, name, module)


@final
class _Elsewhere(nn.Module):
    """Embeddings that another stage has: zeros in their place."""

    def __init__(self, width: int, dtype: torch.dtype) -> None:
        super().__init__()
        self._width, self._dtype = width, dtype

    def forward(self, ids_N: Tensor) -> Tensor:
        """(..., D)."""
        return torch.zeros(*ids_N.shape, self._width, dtype=self._dtype, device=ids_N.device)


@final
class _NoPositions(nn.Module):
    """Positions that the first stage has added already."""

    def forward(self, position_ids: Tensor) -> Tensor:
        """A zero, of no type or shape that matters where it is added."""
        return torch.zeros((), dtype=torch.float16, device=position_ids.device)
