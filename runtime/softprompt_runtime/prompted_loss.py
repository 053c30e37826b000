"""The loss of a packed batch under its tables of virtual tokens.

Shapes: L tokens of the packed batch, N loss tokens, K tasks of the batch, P virtual tokens of a
task, D width, V vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.packing import PackedBatch
from softprompt_runtime.splice import splice, virtual_embeddings

# Logits of one chunk of loss tokens: 8 Mi values, 32 MiB in float32.
_CHUNK_LOGITS = 2**23


@dataclass(frozen=True, kw_only=True)
class LossSums:
    """Cross-entropy in nats, summed over the loss tokens of each task."""

    tasks: tuple[str, ...]
    sums_K: Tensor  # float32, differentiable in the tables
    counts: tuple[int, ...]  # loss tokens of each task

    @property
    def total(self) -> Tensor:
        """Sum over all loss tokens of the batch, a scalar. Divide by the global batch's count."""
        return self.sums_K.sum()

    @property
    def num_targets(self) -> int:
        """N: loss tokens of the batch."""
        return sum(self.counts)


def loss_sums(base_model: BaseModel, packed: PackedBatch, tables: Mapping[str, Tensor]) -> LossSums:
    """Sum of the cross-entropy of each loss token, by task.

    packed: on the base model's device. tables: (P, D) for each task of the batch, float32 or the
    base model's type. A batch without loss tokens gives sums of 0. Memory of the vocabulary
    projection does not grow with N.

    Over pipeline stages, without gradients only: the last stage has the sums, the others zeros.
    """
    stage, link = base_model.stage, base_model.link
    if stage.is_first:
        states_LD = embedded(base_model, packed, tables)
    else:
        shape = (packed.layout.num_tokens, base_model.width)
        states_LD = link.receive(shape, base_model.dtype, base_model.device)
    at_N = packed.target_positions_N if stage.is_last else None
    hidden = base_model.hidden_states(states_LD, packed.position_ids_L, packed.layout, at_N)
    if stage.is_last:
        return sums_at_targets(base_model, hidden, packed)
    link.send(hidden)
    zeros = (0,) * len(packed.tasks)
    return LossSums(tasks=packed.tasks, sums_K=torch.zeros(len(zeros)), counts=zeros)


def embedded(base_model: BaseModel, packed: PackedBatch, tables: Mapping[str, Tensor]) -> Tensor:
    """(L, D): the batch as the first block takes it, virtual tokens in their places."""
    text_LD = base_model.embed(packed.input_ids_L)
    virtual = virtual_embeddings(tables, packed)
    return splice(text_LD, virtual, packed.virtual_positions_K)


def sums_at_targets(base_model: BaseModel, hidden_ND: Tensor, packed: PackedBatch) -> LossSums:
    """The sums, from the hidden states that predict the batch's N loss tokens."""
    losses_N = target_losses(base_model, hidden_ND, packed.target_ids_N)
    sums_K = losses_N.new_zeros(len(packed.tasks)).index_add(0, packed.target_tasks_N, losses_N)
    return LossSums(tasks=packed.tasks, sums_K=sums_K, counts=packed.target_counts)


def target_losses(base_model: BaseModel, hidden_ND: Tensor, target_ids_N: Tensor) -> Tensor:
    """(N,) float32: cross-entropy of each target in nats, differentiable in hidden_ND."""
    losses_N: Any = _TargetLosses.apply(hidden_ND, target_ids_N, base_model)
    return losses_N


class _TargetLosses(torch.autograd.Function):
    """Takes each chunk's gradient while its logits are there, so that no logits are kept.

    A target's loss depends on its own hidden state only: the gradient of the chunk's sum holds each
    target's gradient, and backward has but to scale it. The idea is Liger Kernel's (Hsu et al.
    2024, section 3.2), with no weight gradient.
    """

    @staticmethod
    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, hidden_ND: Tensor, target_ids_N: Tensor, base_model: BaseModel
    ) -> Tensor:
        size = max(1, _CHUNK_LOGITS // base_model.vocab_size)
        chunks = zip(hidden_ND.split(size), target_ids_N.split(size), strict=True)
        wanted = ctx.needs_input_grad[0]
        pairs = [_chunk_losses(base_model, hidden, ids, wanted) for hidden, ids in chunks]
        if wanted:
            ctx.save_for_backward(torch.cat([gradient for _, gradient in pairs]))
        return torch.cat([losses for losses, _ in pairs])

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        (gradient_ND,) = ctx.saved_tensors
        return (gradient_ND * grad_outputs[0].unsqueeze(1)).to(gradient_ND.dtype), None, None


def _chunk_losses(
    base_model: BaseModel, hidden_ND: Tensor, ids_N: Tensor, wants_gradient: bool
) -> tuple[Tensor, Tensor]:
    """Losses (N,) and their gradient (N, D) in the hidden states; zero-sized if not wanted."""
    if not wants_gradient:
        return _losses(base_model, hidden_ND, ids_N), hidden_ND[:0]
    with torch.enable_grad():
        leaf_ND = hidden_ND.detach().requires_grad_()
        losses_N = _losses(base_model, leaf_ND, ids_N)
        (gradient_ND,) = torch.autograd.grad(losses_N.sum(), leaf_ND)
    if base_model.shards is not None:  # each process has the part of its own ids
        gradient_ND = base_model.mesh.tensor.add(gradient_ND.contiguous())
    return losses_N.detach(), gradient_ND


def _losses(base_model: BaseModel, hidden_ND: Tensor, ids_N: Tensor) -> Tensor:
    if base_model.shards is not None:
        own_logits_NC = base_model.project_own(hidden_ND)
        return base_model.shards.vocabulary.cross_entropy(own_logits_NC, ids_N)
    return F.cross_entropy(base_model.project(hidden_ND).float(), ids_N, reduction="none")
