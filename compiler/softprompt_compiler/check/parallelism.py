"""How the run is laid out on devices, and whether the base model can be laid out so."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross
from softprompt_compiler.catalogue import field as rules
from softprompt_compiler.check.places import conflict, stated
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.suggest import nearest
from softprompt_plan.vocabulary import ModelDtype, Precision

_BFLOAT16 = (Precision.BF16, Precision.BF16_MIXED)


def check_gpu(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0130: the memory of the GPU is known."""
    gpu = resolved.spec.parallelism.gpu
    if gpu is None:
        return
    from softprompt_compiler.gpus import GPUS  # most specs name none

    if gpu in GPUS:
        return
    place = resolved.place("parallelism", "gpu")
    meant = _meant_gpu(gpu)
    known = "it takes " + ", ".join(f"`{name}`" for name in GPUS)
    yield rules.UNKNOWN_GPU.at(
        place,
        found=gpu,
        help=f"did you mean `{meant}`?" if meant else known,
        fix=Fix.guess(place, meant) if meant else None,
    )


def check_bfloat16(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """SP0245: the GPU computes in the number format that the run is set to."""
    named = resolved.spec.parallelism.gpu
    if named is None:
        return
    from softprompt_compiler.gpus import GPUS

    gpu = GPUS.get(named)
    precision, dtype = resolved.spec.training.precision, resolved.spec.model.dtype
    if gpu is None or gpu.has_bfloat16:
        return
    labels = [stated(resolved, f"`{gpu.name}`", "parallelism", "gpu")]
    if dtype is ModelDtype.BFLOAT16:
        labels.insert(0, stated(resolved, f"`{dtype}`", "model", "dtype"))
    if precision in _BFLOAT16:
        labels.insert(0, stated(resolved, f"`{precision}`", "training", "precision"))
    if len(labels) > 1:
        yield conflict(
            cross.GPU_WITHOUT_BFLOAT16,
            *labels,
            gpu=gpu.name,
            help="write `precision: 16-mixed` and `dtype: float16`, or take 32-true and float32",
        )


def _meant_gpu(gpu: str) -> str | None:
    """`h100`, `NVIDIA H100 80GB HBM3` and `H100_80G` all mean `H100-80GB`."""
    from softprompt_compiler.gpus import GPUS

    words = gpu.upper().replace("_", " ").replace("-", " ").split()
    likely: dict[str, int] = {}
    for name in GPUS:
        *product, size = name.upper().split("-")
        if set(product) - {"RTX"} <= set(words):
            likely[name] = 2 * len(product) + (size in words or size.rstrip("B") in words)
    return max(likely, key=likely.__getitem__, default=None) or nearest(gpu, GPUS)
