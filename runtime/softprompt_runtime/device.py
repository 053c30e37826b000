"""The device of one process."""

import torch

from softprompt_plan.plan import ParallelismPlan
from softprompt_plan.vocabulary import Accelerator
from softprompt_runtime.failure import RunFailure


def choose_device(parallelism: ParallelismPlan) -> torch.device:
    """The first GPU where the plan allows one and there is one, else the CPU.

    Raises RunFailure if the plan asks for a GPU and there is none, or for more than one process.
    """
    if parallelism.num_nodes * parallelism.devices != 1:
        raise RunFailure(
            f"The plan asks for {parallelism.num_nodes} x {parallelism.devices} devices, and this "
            "version runs in one process on one device",
            "Set parallelism.num_nodes: 1 and parallelism.devices: 1.",
        )
    has_gpu = torch.cuda.is_available()
    if parallelism.accelerator is Accelerator.GPU and not has_gpu:
        raise RunFailure(
            "The plan asks for a GPU, and torch finds none",
            "Set parallelism.accelerator: auto, or run where there is a GPU.",
        )
    uses_gpu = has_gpu and parallelism.accelerator is not Accelerator.CPU
    return torch.device("cuda", 0) if uses_gpu else torch.device("cpu")
