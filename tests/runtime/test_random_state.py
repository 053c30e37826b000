import io
import random

import numpy as np
import torch

from softprompt_runtime.random_state import random_state, restore_random_state


def draws() -> list[float]:
    return [
        random.random(),
        random.gauss(),
        float(np.random.rand()),
        float(np.random.randn()),
        torch.rand(()).item(),
        torch.randn(()).item(),
    ]


def test_the_same_numbers_come_again_also_through_a_file() -> None:
    draws()
    file = io.BytesIO()
    torch.save(random_state(), file)
    expected = [draws() for _ in range(3)]

    file.seek(0)
    restore_random_state(torch.load(file, weights_only=True))

    assert [draws() for _ in range(3)] == expected
