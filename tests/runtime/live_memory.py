"""How much memory the tensors that operators make take, on any device."""

from typing import Any

from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveMemory(TorchDispatchMode):
    """Within, counts the bytes of storages that operators made and that are still there.

    peak: the most at any time. Views count once, and what was there before does not.
    """

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self._sizes: dict[StorageWeakRef, int] = {}

    @property
    def live(self) -> int:
        """Bytes that are there now."""
        for gone in [storage for storage in self._sizes if storage.expired()]:
            del self._sizes[gone]
        return sum(self._sizes.values())

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = _storages((args, kwargs))
        result = func(*args, **(kwargs or {}))
        made = {at: size for at, size in _storages(result).items() if at not in given}
        self._sizes.update(made)
        self.peak = max(self.peak, self.live)
        return result


def _storages(values: Any) -> dict[StorageWeakRef, int]:
    """The storages of all tensors in there, with their bytes."""
    tensors = [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {StorageWeakRef(storage): storage.nbytes() for storage in storages}
