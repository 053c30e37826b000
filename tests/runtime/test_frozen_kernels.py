"""Each function against the plain expression that transformers computes."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor
from transformers.models.llama.modeling_llama import LlamaRMSNorm, apply_rotary_pos_emb

from softprompt_runtime.frozen_kernels import rms_norm, rotate, silu_gate

torch.set_num_threads(1)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def angles(length: int, width: int) -> tuple[Tensor, Tensor]:
    half = random(length, 1, width // 2, seed=9)
    both = torch.cat((half, half), dim=-1)
    return 1.5 * both.cos(), 1.5 * both.sin()


def plain_rotate(input_LHE: Tensor) -> Tensor:
    cos, sin = (angle.to(input_LHE.dtype) for angle in angles(7, 8))
    return apply_rotary_pos_emb(input_LHE, input_LHE, cos, sin, unsqueeze_dim=0)[0][0]


def lean_rotate(input_LHE: Tensor) -> Tensor:
    cos, sin = (angle.to(input_LHE.dtype) for angle in angles(7, 8))
    return rotate(input_LHE, cos, sin)


def weight(like: Tensor) -> Tensor:
    return random(8, seed=5).to(like.dtype)


def plain_norm(input: Tensor) -> Tensor:
    norm = LlamaRMSNorm(8, eps=1e-5)
    norm.weight.data = weight(input)
    return norm.requires_grad_(False)(input)


def split_gate(function: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    return lambda both: function(*both.chunk(2))


CASES: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "rms_norm": (lambda x: rms_norm(x, weight(x), 1e-5), plain_norm),
    "rotate": (lean_rotate, plain_rotate),
    "silu_gate": (split_gate(silu_gate), split_gate(lambda gate, up: F.silu(gate) * up)),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_values_and_gradients_equal_the_plain_expression(name: str, dtype: torch.dtype) -> None:
    shape = (7, 3, 8) if name == "rotate" else (14, 8)
    tolerance = 1e-6 if dtype is torch.float32 else 2e-2
    results: list[tuple[Tensor, Tensor]] = []
    for function in CASES[name]:
        leaf = random(*shape).to(dtype).requires_grad_()
        value = function(leaf)
        (value * random(*value.shape, seed=1).to(dtype)).sum().backward()
        assert leaf.grad is not None
        assert value.dtype == leaf.grad.dtype == dtype
        results.append((value.detach(), leaf.grad))
    for found, wanted in zip(*results, strict=True):
        torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", ["rotate", "silu_gate"])
def test_gradients_are_those_of_finite_differences(name: str) -> None:
    shape = (7, 3, 8) if name == "rotate" else (4, 3)
    assert torch.autograd.gradcheck(CASES[name][0], random(*shape).requires_grad_())


def test_a_norm_of_zeros_is_zero_with_a_finite_gradient() -> None:
    leaf = torch.zeros(2, 4, requires_grad=True)
    value = rms_norm(leaf, torch.ones(4), 1e-5)
    value.sum().backward()
    assert leaf.grad is not None
    assert not value.any()
    assert leaf.grad.isfinite().all()


def test_no_gradient_is_kept_for_the_weight_of_a_norm() -> None:
    leaf = torch.ones(2, 4, requires_grad=True)
    scale = torch.ones(4, requires_grad=True)
    rms_norm(leaf, scale, 1e-5).sum().backward()
    assert scale.grad is None
