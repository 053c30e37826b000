"""A prompt encoder of two layers shared out over tensor-parallel processes.

Its first layer is shared out by its outputs, its second by its inputs. What is saved is whole, and
what is loaded is cut, so that no file tells how many processes there were. Collective where it
saves: every process of the axis calls it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from softprompt_runtime.parallel.axis import Axis

# By parameter of the encoder: the dimension that is shared out. The last bias is on every process.
SHARED_OUT = {"first.weight": 0, "first.bias": 0, "second.weight": 1}


@torch.no_grad()
def share_out(encoder: nn.Module, axis: Axis) -> None:
    """Cut the encoder's parameters to this process's part, in place, before they train."""
    for name, dim in SHARED_OUT.items():
        weight = encoder.get_parameter(name)
        weight.data = _own(weight.data, dim, axis)

    def gather(_: nn.Module, state: dict[str, Any], prefix: str, __: Any) -> None:
        for name, dim in SHARED_OUT.items():
            state[prefix + name] = axis.gather(state[prefix + name].detach(), dim)

    def cut(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
        for name, dim in SHARED_OUT.items():
            if prefix + name in state:
                state[prefix + name] = _own(state[prefix + name], dim, axis)

    encoder.register_state_dict_post_hook(gather)
    encoder.register_load_state_dict_pre_hook(cut)


def whole_optimizer_state(
    state: Mapping[str, Any], dims: Mapping[int, int], axis: Axis
) -> dict[str, Any]:
    """The optimizer's state as one process would have it.

    dims: by number of a parameter that is shared out, the dimension.
    """
    return _with_moments(state, dims, axis.gather)


def own_optimizer_state(
    state: Mapping[str, Any], dims: Mapping[int, int], axis: Axis
) -> dict[str, Any]:
    """This process's part of the state of one process."""

    def cut(tensor: Tensor, dim: int) -> Tensor:
        return _own(tensor, dim, axis)

    return _with_moments(state, dims, cut)


def clip_gradient(
    parameters: Iterable[nn.Parameter], dims: Mapping[int, int], axis: Axis, largest: float
) -> None:
    """Scale the gradients down to an L2 norm of `largest` over all parameters of all processes."""
    gradients = [
        (parameter.grad, number in dims)
        for number, parameter in enumerate(parameters)
        if parameter.grad is not None
    ]
    if not gradients:
        return
    device = gradients[0][0].device
    sums = {is_shared: torch.zeros((), device=device) for is_shared in (False, True)}
    for gradient, is_shared in gradients:
        sums[is_shared] += torch.linalg.vector_norm(gradient).square()
    norm = (sums[False] + axis.add(sums[True])).sqrt()
    factor = (largest / (norm + 1e-6)).clamp(max=1.0)  # as torch.nn.utils.clip_grad_norm_ has it
    for gradient, _ in gradients:
        gradient.mul_(factor)


def _with_moments(
    state: Mapping[str, Any], dims: Mapping[int, int], change: Callable[[Tensor, int], Tensor]
) -> dict[str, Any]:
    moments = {
        number: {
            key: change(value, dims[number])
            if number in dims and isinstance(value, Tensor) and value.ndim > 0
            else value
            for key, value in values.items()
        }
        for number, values in state["state"].items()
    }
    return {**state, "state": moments}


def _own(whole: Tensor, dim: int, axis: Axis) -> Tensor:
    return whole.chunk(axis.size, dim)[axis.index].clone(memory_format=torch.contiguous_format)
