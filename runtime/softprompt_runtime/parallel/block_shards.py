"""The frozen weights of the blocks shared out over replicas, and fetched a block at a time.

torch's FSDP2 (`fully_shard`), after Rajbhandari et al. 2020 (ZeRO, stage 3), for weights that never
change: nothing is sent back. Embeddings, final norm and head stay whole, since they are used
outside of a block. Replicas fetch together, so that all must run as many passes.
"""

from typing import Any

from torch.distributed.fsdp import fully_shard

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.model_facts import FamilyLayout, part
from softprompt_runtime.parallel.mesh import Mesh


def share_out_blocks(hf_model: Any, layout: FamilyLayout | None, mesh: Mesh) -> None:
    """Keep of each block's weights this replica's share, in place, on the mesh's device.

    Blocks must be called as modules from then on. Raises RunFailure for a family whose blocks are
    not known.
    """
    if layout is None:
        raise RunFailure(
            f"Where the blocks of a {hf_model.config.model_type!r} model are is not known",
            "Set parallelism.shard_base_model: false.",
        )
    assert mesh.device_mesh is not None, "replicas are several processes"
    for block in part(hf_model, layout.blocks):
        fully_shard(block, mesh=mesh.device_mesh["data"])
