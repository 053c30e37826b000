"""Lightning's view of the mesh: which process speaks, and how processes wait for each other.

Gradients are summed in train_step.py, where the global batch's mean is taken, so the strategy wraps
no model and reduces nothing behind the loop's back.
"""

from typing import Any, final

import torch
from pytorch_lightning.strategies import SingleDeviceStrategy
from torch import Tensor

from softprompt_runtime.parallel.mesh import Mesh


@final
class MeshStrategy(SingleDeviceStrategy):
    """One device for each process of a mesh that has been joined.

    The process group is the run's: it was there before Lightning, to load the model, and stays
    after it, to generate.
    """

    strategy_name = "softprompt_mesh"

    def __init__(self, mesh: Mesh) -> None:
        super().__init__(device=mesh.device)
        self._mesh = mesh
        self.global_rank = mesh.rank
        self.local_rank = mesh.local_rank
        self.world_size = mesh.world.size

    @property
    def is_global_zero(self) -> bool:
        """Whether loggers, progress and files are this process's."""
        return self._mesh.is_main

    def reduce(self, tensor: Any, group: Any = None, reduce_op: Any = "mean") -> Any:
        """Mean or sum over all processes; what is no tensor stays as it is."""
        if not isinstance(tensor, Tensor):
            return tensor
        total = self._mesh.world.add(tensor.detach().clone().to(self.root_device))
        is_mean = str(reduce_op).lower().rpartition(".")[2] in ("mean", "avg")
        return total / self.world_size if is_mean else total

    def all_gather(self, tensor: Tensor, group: Any = None, sync_grads: bool = False) -> Tensor:
        """(world size, ...): every process's tensor."""
        return self._mesh.world.gather(tensor.detach()[None])

    def broadcast(self, obj: Any, src: int = 0) -> Any:
        """The main process's object on every process."""
        assert src == 0, "files and decisions are the main process's"
        return self._mesh.world.from_first(obj)

    def barrier(self, name: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Wait for all processes."""
        self._mesh.world.barrier()

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        """Whether all processes, or any, decide so."""
        votes = int(self._mesh.world.add(torch.tensor(int(decision), device=self.root_device)))
        return votes == self.world_size if all else votes > 0
