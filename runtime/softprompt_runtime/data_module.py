"""A run's batches, as Lightning asks for them."""

from collections.abc import Iterable
from typing import Any, final

import pytorch_lightning as pl
import torch

from softprompt_runtime.batches import Steps, TrainingBatches, ValidationBatches
from softprompt_runtime.lightning_module import PromptTraining
from softprompt_runtime.packing import PackedBatch
from softprompt_runtime.train_step import GlobalBatch


@final
class PromptData(pl.LightningDataModule):
    """One Lightning epoch is one period: the steps up to the next validation.

    So Lightning's own counters decide nothing, and a resumed run needs none of them.
    """

    def __init__(
        self, training: PromptTraining, train: TrainingBatches, validation: ValidationBatches
    ) -> None:
        super().__init__()
        self._training = training
        self._train = train
        self._validation = validation

    def train_dataloader(self) -> Iterable[GlobalBatch]:
        """The steps of the period that comes next. Asked for anew each epoch."""
        step = self._training.step
        return Steps(self._train, step, self._train.period_end(step))

    def val_dataloader(self) -> Iterable[PackedBatch]:
        """All validation rows of the tasks that train."""
        return self._validation

    def transfer_batch_to_device(
        self, batch: Any, device: torch.device, dataloader_idx: int
    ) -> GlobalBatch | PackedBatch:
        """The batch on the device."""
        assert isinstance(batch, GlobalBatch | PackedBatch)
        return batch.to(device)
