"""Checkpoints: everything that an exact resume needs, and no base weights.

A checkpoint is a file checkpoints/step-000123.ckpt of plain tensors and containers. It is written
under another name, synced and renamed, so whatever bears the name is whole. Kept are the best by
val_loss and the last two.
"""

import logging
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, final

import torch

from softprompt_runtime.atomic_write import stream_atomically
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.validation_state import ValidationState

_log = logging.getLogger("softprompt.checkpoints")
FORMAT = 1
_NAME = re.compile(r"step-(\d{6,})\.ckpt")
_NUM_LAST = 2


@final
@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a training after `step` optimizer steps.

    identity: what decided the result so far (run_identity.py). validated_step: the last step whose
    validation is part of `validation`. finished: no further step is to come.
    learner, optimizer, precision, random: state dicts of plain tensors and containers.
    """

    step: int
    finished: bool
    validated_step: int
    validation: ValidationState
    identity: dict[str, str]
    learner: dict[str, Any]
    optimizer: dict[str, Any]
    precision: dict[str, Any]
    random: dict[str, Any]


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write the checkpoint, then delete those that are neither the best nor among the last two.

    Raises RunFailure where the disk refuses.
    """
    path = _path(folder, checkpoint.step)
    content = {"format": FORMAT, **vars(checkpoint), "validation": asdict(checkpoint.validation)}

    def write(file: BinaryIO) -> None:
        torch.save(content, file)

    try:
        stream_atomically(path, write)
        _prune(folder, checkpoint)
    except OSError as error:
        raise RunFailure(f"The checkpoint {path} cannot be written: {error}") from None
    return path


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint of a file. Raises RunFailure if it is missing, damaged or of another format.

    Nothing in the file is executed.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = content["format"]
        if found == FORMAT:
            return _checked(content)
    except Exception as error:  # an unpickler meets damage with exceptions of every kind
        raise RunFailure(f"The checkpoint {path} cannot be read: {error!r:.200}") from None
    raise RunFailure(f"The checkpoint {path} has format {found!r}; this version reads {FORMAT}")


def checkpoint_paths(folder: Path) -> list[Path]:
    """The checkpoints of a folder, newest step first."""
    if not folder.is_dir():
        return []
    found = [(match, path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    found.sort(key=lambda pair: int(pair[0][1]), reverse=True)
    return [path for _, path in found]


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that can be read, or None. Others are noted in the log."""
    for path in checkpoint_paths(folder):
        try:
            return read_checkpoint(path)
        except RunFailure as failure:
            _log.warning("%s; taking the one before", failure.message)
    return None


def best_checkpoint(folder: Path, last: Checkpoint) -> Checkpoint:
    """The checkpoint with the lowest val_loss; `last` where nothing was validated.

    Raises RunFailure if it cannot be read.
    """
    step = last.validation.best_step
    return last if step is None or step == last.step else read_checkpoint(_path(folder, step))


def set_aside(folder: Path) -> Path | None:
    """Move a folder of checkpoints to the first free name NAME.1, NAME.2, ...; None if it is empty.

    Raises RunFailure where the disk refuses.
    """
    if not checkpoint_paths(folder):
        return None
    number = 1
    while (target := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    try:
        return folder.rename(target)
    except OSError as error:
        raise RunFailure(f"The old checkpoints {folder} cannot be moved aside: {error}") from None


def _path(folder: Path, step: int) -> Path:
    return folder / f"step-{step:06d}.ckpt"


def _prune(folder: Path, newest: Checkpoint) -> None:
    """Delete older checkpoints, and what a killed process left half-written."""
    best = newest.validation.best_step
    kept = {_path(folder, best)} if best is not None else set[Path]()
    kept.update(checkpoint_paths(folder)[:_NUM_LAST])
    for path in checkpoint_paths(folder):
        if path not in kept:
            path.unlink()
    for path in folder.glob(".step-*.tmp"):
        path.unlink()


def _checked(content: dict[str, Any]) -> Checkpoint:
    """The content as a Checkpoint. Raises KeyError or TypeError for what is none."""
    values = {name: content[name] for name in Checkpoint.__dataclass_fields__}
    values["validation"] = ValidationState(**values["validation"])
    for name in ("identity", "learner", "optimizer", "precision", "random"):
        if not isinstance(values[name], dict):
            raise TypeError(f"{name} is no dictionary")
    if type(values["step"]) is not int or values["step"] < 0:
        raise TypeError(f"step is {values['step']!r}")
    return Checkpoint(**values)
