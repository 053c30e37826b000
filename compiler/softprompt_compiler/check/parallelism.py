"""How the run is laid out on devices, and whether the base model can be laid out so."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.gpus import GPU_MEMORY
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.suggest import nearest


def check_gpu(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0130: the memory of the GPU is known."""
    gpu = resolved.spec.parallelism.gpu
    if gpu is None or gpu in GPU_MEMORY:
        return
    place = resolved.place("parallelism", "gpu")
    meant = _meant_gpu(gpu)
    known = "it takes " + ", ".join(f"`{name}`" for name in GPU_MEMORY)
    yield rules.UNKNOWN_GPU.at(
        place,
        found=gpu,
        help=f"did you mean `{meant}`?" if meant else known,
        fix=Fix.guess(place, meant) if meant else None,
    )


def _meant_gpu(gpu: str) -> str | None:
    """`h100`, `NVIDIA H100 80GB HBM3` and `H100_80G` all mean `H100-80GB`."""
    words = gpu.upper().replace("_", " ").replace("-", " ").split()
    by_product = [name for name in GPU_MEMORY if name.split("-")[0] in words]
    sizes = [f"-{word.rstrip('GB')}GB" for word in words if word[0].isdigit()]
    by_size = [name for name in by_product if any(name.endswith(size) for size in sizes)]
    return next(iter(by_size or by_product), None) or nearest(gpu, GPU_MEMORY)
