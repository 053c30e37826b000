"""`python -m softprompt_runtime.doctor`: what torch is here, and sees, as a line of JSON."""

import json
import sys
from importlib import import_module
from typing import Any

import torch
import torch.distributed

_GIB = 1 << 30


def report() -> dict[str, Any]:
    """torch's version, threads, backends of torch.distributed, and GPUs with their memory in GiB.

    Raises ImportError where Lightning or transformers cannot be imported.
    """
    for needed in ("pytorch_lightning", "transformers"):
        import_module(needed)
    names = ("gloo", "nccl", "mpi")
    available = torch.distributed.is_available()
    return {
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "threads": torch.get_num_threads(),
        "backends": [
            name for name in names if available and torch.distributed.is_backend_available(name)
        ],
        "gpus": [_gpu(index) for index in range(torch.cuda.device_count())],
    }


def _gpu(index: int) -> dict[str, Any]:
    properties: Any = torch.cuda.get_device_properties(index)
    return {
        "name": properties.name,
        "gib": properties.total_memory / _GIB,
        "bf16": torch.cuda.is_bf16_supported(),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(report()) + "\n")
