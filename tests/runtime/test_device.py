import pytest
import torch

from softprompt_plan.plan import ParallelismPlan
from softprompt_plan.vocabulary import Accelerator
from softprompt_runtime.device import choose_device
from softprompt_runtime.failure import RunFailure
from tests.runtime.plans import tiny_plan


def parallelism(accelerator: Accelerator, devices: int = 1) -> ParallelismPlan:
    changes = {"accelerator": accelerator, "devices": devices}
    return tiny_plan(sections={"parallelism": changes}).parallelism


@pytest.mark.parametrize(
    ("accelerator", "num_gpus", "local_rank", "device"),
    [
        (Accelerator.CPU, 1, 0, "cpu"),
        (Accelerator.AUTO, 0, 1, "cpu"),
        (Accelerator.AUTO, 1, 0, "cuda:0"),
        (Accelerator.GPU, 2, 1, "cuda:1"),
        (Accelerator.GPU, 1, 1, "cuda:0"),  # where the launcher shows each process its own
    ],
)
def test_the_device_is_what_the_plan_allows_and_the_machine_has(
    monkeypatch: pytest.MonkeyPatch,
    accelerator: Accelerator,
    num_gpus: int,
    local_rank: int,
    device: str,
) -> None:
    pretend_gpus(monkeypatch, num_gpus)

    assert choose_device(parallelism(accelerator, devices=2), local_rank) == torch.device(device)


def test_a_gpu_that_is_not_there_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, 0)

    with pytest.raises(RunFailure, match="torch finds none"):
        choose_device(parallelism(Accelerator.GPU))


def test_more_processes_than_gpus_are_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend_gpus(monkeypatch, 2)

    with pytest.raises(RunFailure, match="Process 2 of this machine has no GPU: torch finds 2"):
        choose_device(parallelism(Accelerator.AUTO, devices=4), 2)


def pretend_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
