"""Two steps and a saved prompt: what trains, what does not, and whether it survives the disk.

P virtual tokens of a task, D width, N chosen positions, V vocabulary.
"""

import hashlib
import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from softprompt_plan.example import Example
from softprompt_runtime.base_model import BaseModel, load_base_model
from softprompt_runtime.history import read_history
from softprompt_runtime.packing import pack
from softprompt_runtime.prompt_learner import final_tables, save_soft_prompt
from softprompt_runtime.soft_prompt import load_soft_prompt
from softprompt_runtime.spec_test.check import CheckFailed
from softprompt_runtime.spec_test.tiny_run import TinyRun, Trained
from softprompt_runtime.splice import splice, virtual_embeddings


def check_training_steps(tiny: TinyRun) -> str:
    """Two steps: finite losses, a prompt that moves, and a base model that does not."""
    before = weights_digest(tiny.base_model.hf_model)
    trained = tiny.two_steps
    losses = [entry["loss"] for entry in read_history(trained.run.history_file) if "loss" in entry]
    if len(losses) != 2 or not all(map(math.isfinite, losses)):
        raise CheckFailed(f"two steps were asked for, and the losses are {losses}")
    _require_frozen(trained.base_model, before)
    _require_moved(trained)
    shown = " and ".join(f"{loss:.3f}" for loss in losses)
    return f"losses {shown}; {_count(trained)} numbers moved, the base model's none"


def check_saved_prompt(tiny: TinyRun) -> str:
    """Saved, loaded in front of a model that was loaded anew, the logits are the same bits."""
    trained = tiny.two_steps
    run = trained.run
    save_soft_prompt(run, trained.learner, trained.base_model)
    again = load_base_model(run)
    loaded = load_soft_prompt(run, again).tables
    tables = final_tables(trained.learner)
    for task in trained.learner.trained_tasks:
        row = tiny.train_rows[tiny.train_rows.of_tasks([task])[0]]
        assert isinstance(row, Example), "training rows all fit"
        if not torch.equal(tables[task], loaded[task]):
            raise CheckFailed(f"the loaded table of task {task!r} is not the one that was saved")
        before, after = (
            row_logits(trained.base_model, row, tables),
            row_logits(again, row, loaded),
        )
        if not torch.equal(before, after):
            worst = float((before - after).abs().max())
            raise CheckFailed(f"logits of task {task!r} differ by up to {worst} after loading")
    return f"bit-equal logits for {len(loaded)} task{'s' * (len(loaded) > 1)}"


@torch.no_grad()
def row_logits(base_model: BaseModel, row: Example, tables: Mapping[str, Tensor]) -> Tensor:
    """(N, V): logits at the positions that predict the row's loss tokens."""
    packed = pack([row])
    virtual_KD = virtual_embeddings(tables, packed)
    embeddings_LD = splice(
        base_model.embed(packed.input_ids_L), virtual_KD, packed.virtual_positions_K
    )
    hidden_ND = base_model.hidden_states(
        embeddings_LD, packed.position_ids_L, packed.layout, packed.target_positions_N
    )
    return base_model.project(hidden_ND)


def weights_digest(hf_model: Any) -> str:
    """sha256 over the bytes of every weight and buffer."""
    sha = hashlib.sha256()
    for name, tensor in [*hf_model.named_parameters(), *hf_model.named_buffers()]:
        data = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        sha.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        sha.update(data.numpy().tobytes())
    return sha.hexdigest()


def _require_frozen(base_model: BaseModel, before: str) -> None:
    for name, weight in base_model.hf_model.named_parameters():
        if weight.requires_grad or weight.grad is not None:
            raise CheckFailed(f"the base model's weight {name} takes part in training")
    if weights_digest(base_model.hf_model) != before:
        raise CheckFailed("training has changed the base model's weights")


def _require_moved(trained: Trained) -> None:
    """Every trainable parameter, and every virtual token of every task."""
    for name, parameter in trained.learner.named_parameters():
        if name not in trained.with_gradient:
            raise CheckFailed(f"the prompt learner's {name} got no gradient")
        if torch.equal(parameter.detach(), trained.start[name]):
            raise CheckFailed(f"two steps did not move the prompt learner's {name}")
    tables = final_tables(trained.learner)
    for task in trained.learner.trained_tasks:
        same_P = (tables[task] == trained.start_tables[task]).all(dim=1)
        if same_P.any():
            at = int(same_P.int().argmax())
            raise CheckFailed(f"two steps did not move virtual token {at} of task {task!r}")


def _count(trained: Trained) -> str:
    return f"{sum(p.numel() for p in trained.learner.trainable_parameters()):,}"
