"""Elementwise parts of a block for weights that never train: equal values, fewer saved tensors.

Autograd keeps an intermediate for each step of a norm, a rotation and a gated MLP. With frozen
weights a backward pass needs only what these functions were given, and the matrix products around
them need nothing at all.

Shapes: L packed tokens, D width, H heads, E width of a head, M width of the MLP.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor


def rms_norm(input_LD: Tensor, weight_D: Tensor, eps: float) -> Tensor:
    """(..., D): RMSNorm over the last dimension (Zhang and Sennrich 2019), as Llama computes it.

    In float32, cast to the input's type before the weight. Keeps the input; weight_D gets no
    gradient.
    """
    normed: Any = _RmsNorm.apply(input_LD, weight_D, eps)
    return normed


def rotate(input_LHE: Tensor, cos_L1E: Tensor, sin_L1E: Tensor) -> Tensor:
    """(L, H, E): rotary positions (Su et al. 2021), halves of a head paired as Llama does.

    Keeps nothing of the input.
    """
    rotated: Any = _Rotate.apply(input_LHE, cos_L1E, sin_L1E)
    return rotated


def silu_gate(gate_LM: Tensor, up_LM: Tensor) -> Tensor:
    """(L, M): silu(gate) * up (SwiGLU: Shazeer 2020). Keeps the two inputs."""
    gated: Any = _SiluGate.apply(gate_LM, up_LM)
    return gated


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        input, weight_D, eps = args
        wide = input.float()
        norm = torch.linalg.vector_norm(wide, dim=-1, keepdim=True)
        scale = norm.square_().div_(input.shape[-1]).add_(eps).rsqrt_()
        ctx.save_for_backward(input, weight_D, scale)
        return (wide * scale).to(input.dtype) * weight_D

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        """d = scale * (g - x * scale^2 * mean(g * x)) for y = x * scale, g the gradient in y."""
        input, weight_D, scale = ctx.saved_tensors
        gradient = (grad_outputs[0] * weight_D).float()
        wide = input.float()
        mean = torch.linalg.vecdot(gradient, wide).unsqueeze(-1) / input.shape[-1]
        gradient.mul_(scale).addcmul_(wide, mean.mul_(scale.pow(3)), value=-1)
        return gradient.to(input.dtype), None, None


class _Rotate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        input_LHE, cos_L1E, sin_L1E = args
        ctx.save_for_backward(cos_L1E, sin_L1E)
        ctx.dtype = input_LHE.dtype
        return _turn(input_LHE, cos_L1E, sin_L1E, 1)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        """Turn back: the transpose of a rotation."""
        cos_L1E, sin_L1E = ctx.saved_tensors
        return _turn(grad_outputs[0], cos_L1E, sin_L1E, -1).to(ctx.dtype), None, None


def _turn(input_LHE: Tensor, cos_L1E: Tensor, sin_L1E: Tensor, direction: int) -> Tensor:
    turned = input_LHE * cos_L1E
    low, high = turned.chunk(2, dim=-1)
    input_low, input_high = input_LHE.to(turned.dtype).chunk(2, dim=-1)
    sin_low, sin_high = sin_L1E.to(turned.dtype).chunk(2, dim=-1)
    low.addcmul_(input_high, sin_low, value=-direction)
    high.addcmul_(input_low, sin_high, value=direction)
    return turned


class _SiluGate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        gate_LM, up_LM = args
        ctx.save_for_backward(gate_LM, up_LM)
        return F.silu(gate_LM).mul_(up_LM)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor]:
        gate_LM, up_LM = ctx.saved_tensors
        (gradient_LM,) = grad_outputs
        up_gradient_LM = F.silu(gate_LM).mul_(gradient_LM)
        gate_gradient_LM = torch.ops.aten.silu_backward(gradient_LM * up_LM, gate_LM)
        return gate_gradient_LM, up_gradient_LM
