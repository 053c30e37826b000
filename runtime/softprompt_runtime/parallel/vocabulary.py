"""The vocabulary shared out over tensor-parallel processes: embedding, head and cross-entropy.

Each process holds the rows of a range of ids, all ranges equally long; the last ones are padded
with zeros where the vocabulary does not divide. Logits are never gathered for a loss (Shoeybi et
al. 2019, section 3).

Shapes: N loss tokens, V vocabulary, C rows of each process.
"""

from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from softprompt_runtime.parallel.axis import Axis


@final
@dataclass(frozen=True, kw_only=True)
class VocabularyShard:
    """This process's ids [start, stop) of a vocabulary of `total`."""

    axis: Axis
    total: int

    @property
    def num_rows(self) -> int:
        """C: rows of each process, padding included."""
        return -(-self.total // self.axis.size)

    @property
    def start(self) -> int:
        """The first id."""
        return min(self.total, self.axis.index * self.num_rows)

    @property
    def stop(self) -> int:
        """One more than the last id."""
        return min(self.total, self.start + self.num_rows)

    def shard_embedding(self, embedding: Any) -> None:
        """Make the module, which holds C rows, look up ids of the whole vocabulary."""
        own_lookup = embedding.forward

        def look_up(ids: Tensor) -> Tensor:
            """Embeddings of any ids. Raises IndexError on a CPU for one beyond the vocabulary."""
            if ids.device.type == "cpu" and ids.numel() and int(ids.max()) >= self.total:
                raise IndexError(f"id {int(ids.max())} of {self.total}")
            local, is_own = self.rows_of(ids)
            found = own_lookup(local)
            return self.axis.add(found.masked_fill_(~is_own.unsqueeze(-1), 0).contiguous())

        embedding.forward = look_up

    def shard_head(self, head: Any) -> None:
        """Make the module, which holds C rows, give the logits of the whole vocabulary.

        Every process gets them all: for generation, where no gradient flows.
        """
        own_logits = head.forward

        def project(hidden: Tensor) -> Tensor:
            logits = self.axis.gather(own_logits(hidden).detach(), dim=-1)
            return logits[..., : self.total]

        head.forward = project
        head.own_logits = own_logits

    def cross_entropy(self, own_logits_NC: Tensor, ids_N: Tensor) -> Tensor:
        """(N,) float32: loss of each target in nats, differentiable in this process's logits."""
        losses_N: Any = _CrossEntropy.apply(own_logits_NC, ids_N, self)
        return losses_N

    def rows_of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Row numbers of ids, 0 for those of other processes; and which are this one's."""
        is_own = (ids >= self.start) & (ids < self.stop)
        return (ids - self.start).masked_fill(~is_own, 0), is_own


class _CrossEntropy(torch.autograd.Function):
    """Keeps the gradient of a sum of losses: probabilities, less 1 at each target."""

    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        own_logits_NC, ids_N, shard = args
        axis: Axis = shard.axis
        logits_NC = own_logits_NC.float().clone()
        logits_NC[:, shard.stop - shard.start :] = float("-inf")
        local_N, is_own_N = shard.rows_of(ids_N)
        target_N = logits_NC.gather(1, local_N[:, None])[:, 0].masked_fill(~is_own_N, 0)
        largest_N = axis.largest(logits_NC.amax(dim=1))
        shares_NC = logits_NC.sub_(largest_N[:, None]).exp_()
        sum_N, target_N = axis.add(torch.stack((shares_NC.sum(dim=1), target_N)))
        shares_NC.div_(sum_N[:, None])
        shares_NC.scatter_add_(1, local_N[:, None], -is_own_N[:, None].to(shares_NC.dtype))
        ctx.save_for_backward(shares_NC)
        ctx.dtype = own_logits_NC.dtype
        return largest_N + sum_N.log() - target_N

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        (gradient_NC,) = ctx.saved_tensors
        return (gradient_NC * grad_outputs[0].unsqueeze(1)).to(ctx.dtype), None, None
