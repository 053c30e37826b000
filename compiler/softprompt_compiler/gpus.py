"""The GPUs that the memory plan knows by name, with what each has and can do.

memory_bytes: what `nvidia-smi` shows as the total, with ECC as the card is delivered; for most of
them see github.com/modal-labs/modal-client/pull/2797. It is more than the gigabytes of the name.
FLOP/s and bytes/s: the peaks of NVIDIA's data sheet of each card, dense (its sheets print twice as
much, "with sparsity"), products summed in float32. The data sheets: nvidia.com/en-us/data-center/
{t4, v100, a100, l4, l40s, h100, h200}, /products/a10-gpu and /a40; A10G: aws.amazon.com/ec2/
instance-types/g5; B200: the DGX B200 data sheet, an eighth; GeForce and RTX: NVIDIA's white papers
on the GA102, AD102 and RTX Blackwell architectures, appendix A.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_MIB = 1 << 20
_TERA = 1e12
_GIGA = 1e9


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One kind of GPU."""

    name: str  # what `parallelism.gpu` says
    memory_bytes: int
    half_flops: float  # a second, of matrices of 16 bits: bfloat16, or float16 without it
    float32_flops: float  # a second, without TF32, as torch multiplies float32 by default
    bandwidth: float  # bytes a second, of its memory
    has_bfloat16: bool = True


def _gpu(
    name: str,
    mib: int,
    half_tera: float,
    float32_tera: float,
    gigabytes: int,
    *,
    has_bfloat16: bool = True,
) -> Gpu:
    return Gpu(
        name=name,
        memory_bytes=mib * _MIB,
        half_flops=half_tera * _TERA,
        float32_flops=float32_tera * _TERA,
        bandwidth=gigabytes * _GIGA,
        has_bfloat16=has_bfloat16,
    )


_ALL = (
    _gpu("T4-16GB", 15_360, 65, 8.1, 320, has_bfloat16=False),
    _gpu("V100-16GB", 16_160, 125, 15.7, 900, has_bfloat16=False),
    _gpu("V100-32GB", 32_510, 125, 15.7, 900, has_bfloat16=False),
    _gpu("A10G-24GB", 23_028, 70, 31.5, 600),
    _gpu("A10-24GB", 23_028, 125, 31.2, 600),
    _gpu("L4-24GB", 23_034, 121, 30.3, 300),
    _gpu("RTX-3090-24GB", 24_576, 71, 35.6, 936),
    _gpu("RTX-4090-24GB", 24_564, 165.2, 82.6, 1008),
    _gpu("RTX-5090-32GB", 32_607, 209.5, 104.8, 1792),
    _gpu("A40-48GB", 46_068, 149.7, 37.4, 696),
    _gpu("L40S-48GB", 46_068, 362, 91.6, 864),
    _gpu("RTX-A6000-48GB", 49_140, 154.8, 38.7, 768),
    _gpu("RTX-6000-Ada-48GB", 49_140, 364.2, 91.1, 960),
    _gpu("A100-40GB", 40_960, 312, 19.5, 1555),
    _gpu("A100-80GB", 81_920, 312, 19.5, 2039),
    _gpu("H100-PCIe-80GB", 81_559, 756, 51, 2000),
    _gpu("H100-80GB", 81_559, 989, 67, 3350),
    _gpu("H100-NVL-94GB", 95_830, 835, 60, 3900),
    _gpu("GH200-96GB", 97_871, 989, 67, 4000),
    _gpu("H200-141GB", 143_771, 989, 67, 4800),
    _gpu("B200-180GB", 183_359, 2250, 75, 7700),
)

# By name, from small to large
GPUS: Mapping[str, Gpu] = {gpu.name: gpu for gpu in _ALL}
