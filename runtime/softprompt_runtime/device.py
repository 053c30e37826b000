"""The device of one process."""

import torch

from softprompt_plan.plan import ParallelismPlan
from softprompt_plan.vocabulary import Accelerator
from softprompt_runtime.failure import RunFailure


def choose_device(parallelism: ParallelismPlan, local_rank: int = 0) -> torch.device:
    """GPU number `local_rank` of the machine where plan and machine allow one, else the CPU.

    Raises RunFailure if the plan asks for a GPU and there is none, or fewer than processes.
    """
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if parallelism.accelerator is Accelerator.GPU and not num_gpus:
        raise RunFailure(
            "The plan asks for a GPU, and torch finds none",
            "Set parallelism.accelerator: auto, or run where there is a GPU.",
        )
    if not num_gpus or parallelism.accelerator is Accelerator.CPU:
        return torch.device("cpu")
    # A launcher may show each process its own GPU only, as number 0.
    number = 0 if num_gpus == 1 and parallelism.devices > 1 else local_rank
    if number >= num_gpus:
        raise RunFailure(
            f"Process {local_rank} of this machine has no GPU: torch finds {num_gpus}",
            f"Set parallelism.devices to {num_gpus} or less.",
        )
    return torch.device("cuda", number)
