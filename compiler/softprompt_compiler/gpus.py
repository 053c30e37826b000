"""The GPUs that `parallelism.gpu` can name, and the memory of each.

A name is the product and the size it is sold under. The size here is what the driver reports as
the total (`nvidia-smi --query-gpu=memory.total`), which differs from that by ECC and rounding.
"""

from collections.abc import Mapping

_MIB = 1 << 20

GPU_MEMORY: Mapping[str, int] = {
    "T4-16GB": 15360 * _MIB,
    "V100-16GB": 16384 * _MIB,
    "V100-32GB": 32768 * _MIB,
    "RTX3090-24GB": 24576 * _MIB,
    "RTX4090-24GB": 24564 * _MIB,
    "RTX5090-32GB": 32607 * _MIB,
    "A10G-24GB": 23028 * _MIB,
    "L4-24GB": 23034 * _MIB,
    "A40-48GB": 46068 * _MIB,
    "L40S-48GB": 46068 * _MIB,
    "A6000-48GB": 49140 * _MIB,
    "A100-40GB": 40960 * _MIB,
    "A100-80GB": 81920 * _MIB,
    "H100-80GB": 81559 * _MIB,
    "GH200-96GB": 97871 * _MIB,
    "H200-141GB": 143771 * _MIB,
    "B200-180GB": 183359 * _MIB,
}
"""Name -> bytes, from the smallest generation to the newest."""
