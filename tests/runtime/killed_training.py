"""A training that is meant to be killed; it runs in a process of its own."""

import os
from pathlib import Path
from typing import Any

import torch

from softprompt_plan.vocabulary import EncoderType
from softprompt_runtime import trainer
from tests.runtime.training_runs import train

SLOW_IMPORT = trainer  # done here, once, before the server forks

# Dropout, so that the random state matters; every other step is saved, every fifth validated.
PLAN: dict[str, Any] = {
    "max_steps": 24,
    "val_check_interval": 5,
    "checkpoint_every_n_steps": 2,
    "sections": {"encoder": {"type": EncoderType.LSTM, "num_layers": 2, "dropout": 0.3}},
}


def train_quietly(folder: Path, name: str) -> None:
    """The whole training, or what is left of it."""
    torch.set_num_threads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    train(folder, name=name, **PLAN)
