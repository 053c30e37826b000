"""Hidden states from one pipeline stage to the next, outside of a training step.

Training goes by torch's own schedule (pipeline_step.py). Validation and generation only go forward:
a stage receives, computes, sends, and may go on with the next batch at once.
"""

from collections.abc import Sequence
from typing import final

import torch
import torch.distributed as dist
from torch import Tensor

from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.parallel.waiting import waiting_for


@final
class StageLink:
    """What a stage receives from the one before it, and sends to the one after it.

    Raises RunFailure where a neighbour does not answer in time.
    """

    def __init__(self, pipeline: Axis) -> None:
        self._pipeline = pipeline
        self._sending: tuple[dist.Work, Tensor] | None = None  # the tensor must live until then

    def receive(self, shape: Sequence[int], dtype: torch.dtype, device: torch.device) -> Tensor:
        """The previous stage's next tensor."""
        received = torch.empty(*shape, dtype=dtype, device=device)
        place = self._pipeline.index - 1
        with waiting_for([self._pipeline.ranks[place]], self._pipeline.rank):
            dist.recv(received, group=self._pipeline.group, group_src=place)
        return received

    def send(self, tensor: Tensor) -> None:
        """Start to send to the next stage; at most one tensor is on its way."""
        self.flush()
        tensor = tensor.detach().contiguous()
        place = self._pipeline.index + 1
        work = dist.isend(tensor, group=self._pipeline.group, group_dst=place)
        assert work is not None, "this process is in the group"
        self._sending = (work, tensor)

    def flush(self) -> None:
        """Wait until the tensor that is on its way has arrived."""
        if self._sending is None:
            return
        work, _ = self._sending
        self._sending = None
        with waiting_for([self._pipeline.ranks[self._pipeline.index + 1]], self._pipeline.rank):
            work.wait()
