"""Where tensor-parallel processes meet: at the entrance and the exit of a pair of sharded layers.

Without sequence parallelism a hidden state lies whole on every process: f and g of Megatron-LM
(Shoeybi et al. 2019, section 3). With it, each process holds every token's hidden state for a part
of the tokens between such pairs: g and its conjugate (Korthikanti et al. 2022, section 4.2.2).

Shapes: L tokens, S of them on each process (the last one's are padded with zeros), D width.
Leading dimensions of 1 are allowed.
"""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, final

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from softprompt_runtime.parallel.axis import Axis


@final
@dataclass(frozen=True, kw_only=True)
class Region:
    """How hidden states lie on the processes of a tensor axis.

    num_tokens: L where they are shared out over tokens, else None. On an axis of one process every
    call gives back what it was given.
    """

    axis: Axis
    num_tokens: int | None = None

    def enter(self, hidden: Tensor) -> Tensor:
        """(L, D) for sharded layers to read, whose gradients are parts of a sum."""
        if self.axis.size == 1:
            return hidden
        if self.num_tokens is None:
            return _apply(_Copy, hidden, self.axis)
        return _apply(_GatherThenSum, hidden, self.axis, self.num_tokens)

    def leave(self, partial: Tensor) -> Tensor:
        """The sum of the processes' (L, D), as hidden states lie."""
        if self.axis.size == 1:
            return partial
        if self.num_tokens is None:
            return _apply(_Sum, partial, self.axis)
        return _apply(_SumThenPart, partial, self.axis, self.num_tokens)

    def sum_for_all(self, own: Tensor) -> Tensor:
        """The sum of the processes' values, of which each makes something of its own."""
        return own if self.axis.size == 1 else _apply(_SumForAll, own, self.axis)

    def share_out(self, hidden: Tensor) -> Tensor:
        """(S, D): this process's part of hidden states that are whole on all."""
        if self.num_tokens is None:
            return hidden
        return _apply(_Part, hidden, self.axis, self.num_tokens)

    def collect(self, part: Tensor) -> Tensor:
        """(L, D): whole on all, for layers that all compute alike."""
        if self.num_tokens is None:
            return part
        return _apply(_Collect, part, self.axis, self.num_tokens)

    def whole(self) -> "Region":
        """The same processes, each with whole hidden states."""
        return Region(axis=self.axis)


_num_tokens: ContextVar[int | None] = ContextVar("softprompt_shared_out_tokens", default=None)


@contextmanager
def tokens_shared_out(num_tokens: int | None) -> Generator[None]:
    """Within, the hooks of a sharded transformers model find hidden states so (see `Region`)."""
    token = _num_tokens.set(num_tokens)
    try:
        yield
    finally:
        _num_tokens.reset(token)


def region_here(axis: Axis) -> Region:
    """The region of the code that runs now."""
    return Region(axis=axis, num_tokens=_num_tokens.get())


def _apply(function: Any, *arguments: Any) -> Tensor:
    result: Tensor = function.apply(*arguments)
    return result


class _Copy(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        hidden, ctx.axis = args
        return hidden.view_as(hidden)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return ctx.axis.add(_own(grad_outputs[0])), None


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        partial, axis = args
        return axis.add(_own(partial))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return grad_outputs[0], None


class _SumForAll(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        own, ctx.axis = args
        return ctx.axis.add(_own(own))

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None]:
        return ctx.axis.add(_own(grad_outputs[0])), None


class _GatherThenSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        part, ctx.axis, length = args
        return _all(part, ctx.axis, length)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return _summed_part(grad_outputs[0], ctx.axis), None, None


class _SumThenPart(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        partial, ctx.axis, ctx.length = args
        return _summed_part(partial, ctx.axis)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return _all(grad_outputs[0], ctx.axis, ctx.length), None, None


class _Part(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        hidden, ctx.axis, ctx.length = args
        return _own_part(hidden, ctx.axis)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return _all(grad_outputs[0], ctx.axis, ctx.length), None, None


class _Collect(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        part, ctx.axis, length = args
        return _all(part, ctx.axis, length)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return _own_part(grad_outputs[0], ctx.axis), None, None


def _own(tensor: Tensor) -> Tensor:
    """A copy that a sum may be written into."""
    return tensor.clone(memory_format=torch.contiguous_format)


def _all(part: Tensor, axis: Axis, length: int) -> Tensor:
    """(L, D): all processes' parts without the padding."""
    width = part.shape[-1]
    whole_LD = axis.gather(part.reshape(-1, width))[:length]
    return whole_LD.reshape(*part.shape[:-2], length, width)


def _summed_part(partial: Tensor, axis: Axis) -> Tensor:
    """(S, D): this process's part of the sum."""
    part_SD = axis.add_and_share_out(_padded(partial, axis))
    return part_SD.reshape(*partial.shape[:-2], *part_SD.shape)


def _own_part(whole: Tensor, axis: Axis) -> Tensor:
    """(S, D): this process's part."""
    part_SD = _padded(whole, axis).chunk(axis.size)[axis.index].clone()
    return part_SD.reshape(*whole.shape[:-2], *part_SD.shape)


def _padded(whole: Tensor, axis: Axis) -> Tensor:
    """(size * S, D): rows of zeros added, so that all processes get as many."""
    whole_LD = whole.reshape(-1, whole.shape[-1])
    return F.pad(whole_LD, (0, 0, 0, -len(whole_LD) % axis.size))
