"""Prove at load, on two tiny rows, that the fast path gives the model's own logits.

Soft prompts that are silently not applied, or rows that see each other, cost a user days; two
forward passes over a dozen tokens cost nothing.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

import torch
from torch import Tensor

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.model_facts import ModelFacts
from softprompt_runtime.packed_attention import UnsupportedAttentionError
from softprompt_runtime.parallel.stage import Stage

# Largest ||difference|| / ||logits|| that rounding explains.
_TOLERANCE = {torch.float32: 1e-3, torch.float64: 1e-6}
_HALF_TOLERANCE = 5e-2

# What a trunk raises when it is run in a way that it is not made for.
_UNSUITED = (AttributeError, KeyError, RuntimeError, TypeError, ValueError)


class ForwardPath(Enum):
    """How rows go through the model, the fastest way first."""

    LEAN = "lean"  # packed, through lean_trunk.py
    PACKED = "packed"  # packed, through transformers' own trunk
    PADDED = "padded"  # a padded batch, for models that cannot pack


class CheckedModel(Protocol):
    """What the check calls of a `BaseModel`."""

    path: ForwardPath
    hf_model: Any
    stage: Stage

    @property
    def facts(self) -> ModelFacts: ...  # noqa: D102
    @property
    def vocab_size(self) -> int: ...  # noqa: D102
    @property
    def device(self) -> torch.device: ...  # noqa: D102
    def embed(self, ids_L: Tensor) -> Tensor: ...  # noqa: D102
    def hidden_states(  # noqa: D102
        self, embeddings_LD: Tensor, position_ids_L: Tensor, rows: Sequence[int]
    ) -> Tensor: ...
    def project(self, hidden_ND: Tensor) -> Tensor: ...  # noqa: D102


@torch.no_grad()
def choose_path(base_model: CheckedModel, *, fastest: ForwardPath) -> ForwardPath:
    """The first path, from `fastest` on, whose logits are the model's own.

    Of a pipeline stage before the last, hidden states take the place of logits; into a stage after
    the first go made-up ones.
    Sets `base_model.path` while it tries. Raises RunFailure for a model that is not causal, or
    that no path reproduces.
    """
    long = _test_ids(base_model.vocab_size)
    short = long[:3]  # the same beginning: a causal model gives both rows the same first logits
    wanted = [_own_output(base_model, row) for row in (long, short)]
    if not _close(wanted[0][: len(short)], wanted[1]):
        raise RunFailure(
            "The base model is not causal: what follows a token changes its logits",
            "Prompt learning needs a decoder, such as Llama, GPT-2 or GPT-NeoX.",
        )
    paths = list(ForwardPath)
    for path in paths[paths.index(fastest) :]:
        base_model.path = path
        if _path_agrees(base_model, [long, short], wanted):
            return path
    raise RunFailure(
        f"The hidden states of a {base_model.facts.model_type!r} model do not give its logits",
        "Its head or trunk does more than softprompt knows; use another base model.",
    )


def _test_ids(vocab_size: int) -> list[int]:
    """Six ids spread over the vocabulary."""
    return [(1 + 7919 * step) % vocab_size for step in range(6)]


def _own_output(base_model: CheckedModel, ids: Sequence[int]) -> Tensor:
    """(T, V) logits, or (T, D) hidden states, by transformers' own forward."""
    stage, ids_T = base_model.stage, torch.tensor(ids, device=base_model.device)
    if stage.is_first:
        given = {"input_ids": ids_T[None]}
    else:
        given = {"inputs_embeds": _entering(base_model, ids_T)[None]}
    model = base_model.hf_model if stage.is_last else base_model.hf_model.base_model
    output = model(**given, use_cache=False)
    return output.logits[0] if stage.is_last else output.last_hidden_state[0]


def _entering(base_model: CheckedModel, ids_L: Tensor) -> Tensor:
    """(L, D): what goes into the stage's first block; waves of the ids' own where made up."""
    embeddings_LD = base_model.embed(ids_L)
    if base_model.stage.is_first:
        return embeddings_LD
    columns_D = torch.arange(1, embeddings_LD.shape[1] + 1, device=ids_L.device)
    return torch.sin(ids_L[:, None] * columns_D).to(embeddings_LD.dtype)


def _path_agrees(
    base_model: CheckedModel, rows: Sequence[Sequence[int]], wanted: Sequence[Tensor]
) -> bool:
    device = base_model.device
    ids_L = torch.tensor([token for row in rows for token in row], device=device)
    positions_L = torch.tensor([at for row in rows for at in range(len(row))], device=device)
    lengths = [len(row) for row in rows]
    try:
        hidden_LD = base_model.hidden_states(_entering(base_model, ids_L), positions_L, lengths)
        output = base_model.project(hidden_LD) if base_model.stage.is_last else hidden_LD
    except (UnsupportedAttentionError, *_UNSUITED):
        return False
    pairs = zip(output.split(lengths), wanted, strict=True)
    return all(_close(found, right) for found, right in pairs)


def _close(found: Tensor, wanted: Tensor) -> bool:
    """Whether rounding explains the difference; not so where anything is not finite."""
    tolerance = _TOLERANCE.get(wanted.dtype, _HALF_TOLERANCE)
    found, wanted = found.double(), wanted.double()
    return bool((found - wanted).norm() <= tolerance * wanted.norm())
