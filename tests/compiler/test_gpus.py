"""The table of GPUs: names say the memory, and figures are of the right size."""

import re

import pytest

from softprompt_compiler.gpus import GPUS, Gpu

_GIB = 1 << 30


@pytest.mark.parametrize("gpu", GPUS.values(), ids=list(GPUS))
def test_the_memory_is_what_the_name_says(gpu: Gpu) -> None:
    match = re.fullmatch(r"[A-Za-z0-9-]+-(\d+)GB", gpu.name)

    assert match is not None
    named = int(match.group(1))
    assert 0.93 * named * _GIB <= gpu.memory_bytes <= 1.02 * named * _GIB


@pytest.mark.parametrize("gpu", GPUS.values(), ids=list(GPUS))
def test_half_precision_is_faster_and_arithmetic_outruns_memory(gpu: Gpu) -> None:
    assert gpu.half_flops > gpu.float32_flops > 1e12
    assert 50 < gpu.half_flops / gpu.bandwidth < 500  # FLOP a byte


def test_cards_before_ampere_have_no_bfloat16() -> None:
    without = {name for name, gpu in GPUS.items() if not gpu.has_bfloat16}

    assert {name.split("-")[0] for name in without} == {"T4", "V100"}


def test_the_example_of_the_spec_language_is_known() -> None:
    assert "H100-80GB" in GPUS
