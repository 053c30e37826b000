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
    ("accelerator", "has_gpu", "device"),
    [
        (Accelerator.CPU, True, "cpu"),
        (Accelerator.AUTO, False, "cpu"),
        (Accelerator.AUTO, True, "cuda:0"),
        (Accelerator.GPU, True, "cuda:0"),
    ],
)
def test_the_device_is_what_the_plan_allows_and_the_machine_has(
    monkeypatch: pytest.MonkeyPatch, accelerator: Accelerator, has_gpu: bool, device: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: has_gpu)

    assert choose_device(parallelism(accelerator)) == torch.device(device)


def test_a_gpu_that_is_not_there_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)

    with pytest.raises(RunFailure, match="torch finds none"):
        choose_device(parallelism(Accelerator.GPU))


def test_several_devices_are_refused() -> None:
    with pytest.raises(RunFailure, match="1 x 2 devices"):
        choose_device(parallelism(Accelerator.CPU, devices=2))
