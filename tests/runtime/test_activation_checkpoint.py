"""Activations that are computed again: the same numbers bit for bit, and less memory."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from threading import Thread

import pytest
import torch
from torch import Tensor

from softprompt_plan.vocabulary import ActivationsCheckpoint
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.forward_check import ForwardPath
from softprompt_runtime.packing import PackedBatch, pack
from softprompt_runtime.prompted_loss import loss_sums
from tests.runtime.live_memory import LiveMemory
from tests.runtime.test_packing import Row, row
from tests.runtime.test_prompted_loss import LATE_ROWS, ROWS, tables
from tests.runtime.training_runs import train
from tests.tiny_models import tiny_hf_model

AGAIN = [ActivationsCheckpoint.SELECTIVE, ActivationsCheckpoint.FULL]
LEAN, PACKED, PADDED = ForwardPath.LEAN, ForwardPath.PACKED, ForwardPath.PADDED
# of each path and kind of attention: rotated, windowed, normed, capped, with learned positions
CASES = [
    ("llama", LEAN),
    ("mistral", LEAN),
    ("qwen3", LEAN),
    ("llama", PACKED),
    ("gemma2", PACKED),
    ("gpt2", PACKED),
    ("gpt_neox", PACKED),
    ("gpt2", PADDED),
    ("bloom", PADDED),
]


def result(base_model: BaseModel, packed: PackedBatch) -> tuple[Tensor, list[Tensor]]:
    """The loss sums, and the gradients in the tables of a and b."""
    learned = tables()
    sums = loss_sums(base_model, packed, learned)
    sums.total.backward()
    return sums.sums_K.detach(), [_gradient(learned, task) for task in ("a", "b")]


def _gradient(learned: Mapping[str, Tensor], task: str) -> Tensor:
    gradient = learned[task].grad
    assert gradient is not None
    return gradient


def base_model_of(family: str, path: ForwardPath, kind: ActivationsCheckpoint) -> BaseModel:
    base_model = BaseModel(tiny_hf_model(family), checkpoint=kind)
    base_model.path = path
    return base_model


@pytest.mark.parametrize("rows", [ROWS, LATE_ROWS], ids=["virtual-first", "virtual-late"])
@pytest.mark.parametrize("kind", AGAIN)
@pytest.mark.parametrize(("family", "path"), CASES)
def test_losses_and_gradients_are_equal_bit_for_bit(
    family: str, path: ForwardPath, kind: ActivationsCheckpoint, rows: list[Row]
) -> None:
    packed = pack(rows)
    wanted = result(base_model_of(family, path, ActivationsCheckpoint.NONE), packed)

    found = result(base_model_of(family, path, kind), packed)

    assert torch.equal(found[0], wanted[0])
    assert all(map(torch.equal, found[1], wanted[1]))


@pytest.mark.parametrize("kind", AGAIN)
@pytest.mark.parametrize("path", [LEAN, PACKED])
def test_a_block_runs_again_in_whatever_thread(
    kind: ActivationsCheckpoint, path: ForwardPath
) -> None:
    """A GPU's backward pass runs in a thread of its own, where no context variable is set."""
    packed = pack(LATE_ROWS)
    _, wanted = result(base_model_of("llama", path, ActivationsCheckpoint.NONE), packed)
    learned = tables()
    total = loss_sums(base_model_of("llama", path, kind), packed, learned).total

    thread = Thread(target=total.backward)
    thread.start()
    thread.join()

    assert torch.equal(_gradient(learned, "a"), wanted[0])


def memory(family: str, path: ForwardPath, kind: ActivationsCheckpoint) -> tuple[int, int]:
    """Bytes of a model of 8 blocks: kept from the forward for the backward pass, and at most."""
    hf_model = tiny_hf_model(family, num_hidden_layers=8)
    base_model = BaseModel(hf_model, checkpoint=kind)
    base_model.path = path
    packed = pack([row([-1, -2, *range(3, 40)], [0] * 38 + [1]) for _ in range(4)])
    learned = tables()
    with LiveMemory() as used:
        total = loss_sums(base_model, packed, learned).total
        kept = used.live
        total.backward()
    return kept, used.peak


@pytest.mark.parametrize(("family", "path"), CASES)
def test_each_kind_keeps_less_than_the_one_before(family: str, path: ForwardPath) -> None:
    measured = [memory(family, path, kind) for kind in ActivationsCheckpoint]
    kept, peaks = zip(*measured, strict=True)

    assert kept[0] > kept[1] > kept[2]
    assert peaks[0] > peaks[1] > peaks[2]
    assert kept[2] < kept[0] / 3


@pytest.mark.parametrize("kind", AGAIN)
def test_a_model_is_as_before_after_a_pass(kind: ActivationsCheckpoint) -> None:
    base_model = base_model_of("gpt2", PACKED, kind)
    result(base_model, pack(ROWS))

    trunk = base_model.hf_model.base_model
    assert all("forward" not in vars(module) for module in trunk.modules())


@pytest.mark.parametrize("kind", AGAIN)
def test_a_training_ends_with_the_same_tables_bit_for_bit(
    kind: ActivationsCheckpoint, tmp_path: Path, folder: Path
) -> None:
    run = partial(train, folder, loggers=())
    wanted = run(name="none")

    found = run(name="again", sections={"parallelism": {"activations_checkpoint": kind}})

    assert all(torch.equal(found[task], wanted[task]) for task in wanted)
