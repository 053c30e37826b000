"""One axis of the mesh: the processes that share out one thing, and what they tell each other.

On an axis of one process every call is the identity, and no process group exists.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar, final

import torch.distributed as dist
from torch import Tensor

from softprompt_runtime.parallel.waiting import waiting_for

_T = TypeVar("_T")

# torch 2.13 gave both new names and warns of the old ones
_torch: Any = dist
_NEW = hasattr(dist, "all_gather_single")
_gather: Any = _torch.all_gather_single if _NEW else _torch.all_gather_into_tensor
_add_and_scatter: Any = _torch.reduce_scatter_single if _NEW else _torch.reduce_scatter_tensor


@final
@dataclass(frozen=True, kw_only=True)
class Axis:
    """The processes along one axis that differ in nothing but their place on it.

    ranks: their global ranks, in order. index: this process's place. group: what they talk through;
    None for one process. All calls are collective: every process of the axis makes them, in the
    same order. They raise RunFailure, with the ranks, where others do not answer in time or are
    gone.
    """

    ranks: tuple[int, ...]
    index: int
    group: dist.ProcessGroup | None

    @staticmethod
    def alone(rank: int = 0) -> "Axis":
        """An axis of one process."""
        return Axis(ranks=(rank,), index=0, group=None)

    @property
    def size(self) -> int:
        """How many processes."""
        return len(self.ranks)

    @property
    def rank(self) -> int:
        """This process among all."""
        return self.ranks[self.index]

    @property
    def is_first(self) -> bool:
        """Whether this process is the first of the axis."""
        return self.index == 0

    def share(self, items: Sequence[_T]) -> Sequence[_T]:
        """This process's items of `items`: every size-th, from its own place on."""
        return items[self.index :: self.size]

    def add(self, tensor: Tensor) -> Tensor:
        """The sum over the processes, in place. Returns the same tensor."""
        if self.group is not None:
            with self._waiting():
                dist.all_reduce(tensor, dist.ReduceOp.SUM, group=self.group)
        return tensor

    def largest(self, tensor: Tensor) -> Tensor:
        """The elementwise maximum over the processes, in place. Returns the same tensor."""
        if self.group is not None:
            with self._waiting():
                dist.all_reduce(tensor, dist.ReduceOp.MAX, group=self.group)
        return tensor

    def gather(self, tensor: Tensor, dim: int = 0) -> Tensor:
        """The processes' tensors, all of one shape, end to end along `dim`, in order."""
        if self.group is None:
            return tensor
        first = tensor.movedim(dim, 0).contiguous()
        whole = first.new_empty(self.size * first.shape[0], *first.shape[1:])
        with self._waiting():
            _gather(whole, first, group=self.group)
        return whole.movedim(0, dim)

    def add_and_share_out(self, tensor: Tensor) -> Tensor:
        """This process's equal part, along dimension 0, of the sum over the processes."""
        if self.group is None:
            return tensor
        assert tensor.shape[0] % self.size == 0, "every process gets an equal part"
        part = tensor.new_empty(tensor.shape[0] // self.size, *tensor.shape[1:])
        with self._waiting():
            _add_and_scatter(part, tensor.contiguous(), group=self.group)
        return part

    def gather_objects(self, value: _T) -> list[_T]:
        """Each process's value, in order, on every process. Pickled: for our own values only."""
        if self.group is None:
            return [value]
        found: list[Any] = [None] * self.size
        with self._waiting():
            dist.all_gather_object(found, value, group=self.group)
        return found

    def from_first(self, value: _T) -> _T:
        """The first process's value, on every process. Pickled: for our own values only."""
        if self.group is None:
            return value
        values: list[Any] = [value]
        with self._waiting():
            dist.broadcast_object_list(values, src=self.ranks[0], group=self.group)
        return values[0]

    def copy_from(self, place: int, tensor: Tensor) -> Tensor:
        """The tensor of the process at `place`, written over all others'. Returns the same one."""
        if self.group is not None:
            with self._waiting():
                dist.broadcast(tensor, src=self.ranks[place], group=self.group)
        return tensor

    def barrier(self) -> None:
        """Wait until every process of the axis is here."""
        if self.group is not None:
            with self._waiting():
                dist.barrier(group=self.group)

    def _waiting(self) -> AbstractContextManager[None]:
        return waiting_for([rank for rank in self.ranks if rank != self.rank], self.rank)
