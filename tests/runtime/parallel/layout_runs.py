"""One run of a tiny spec on some layout of processes, from its rows to its predictions."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import Split
from softprompt_runtime.examples import load_examples
from softprompt_runtime.forward_check import ForwardPath
from softprompt_runtime.history import read_history
from softprompt_runtime.predictions import generate_predictions, write_predictions
from softprompt_runtime.prompt_learner import save_soft_prompt
from softprompt_runtime.tokenizer import load_tokenizer
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import Ready, make_ready, write_rows
from tests.tiny_model_folder import write_tiny_model

SINGLE: dict[str, Any] = {}


@final
@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one process found."""

    losses: list[float]  # of the steps, then of the validations
    tables: dict[str, Tensor]
    completions: list[str]
    fingerprint: str
    rank: int


def layout(*, tensor: int = 1, pipeline: int = 1, data: int = 1, **changes: Any) -> dict[str, Any]:
    """The section `parallelism` of a plan."""
    return {
        "devices": tensor * pipeline * data,
        "tensor_model_parallel_size": tensor,
        "pipeline_model_parallel_size": pipeline,
        **changes,
    }


def prepare(folder: Path, model_type: str = "llama", **changes: Any) -> Path:
    """A folder with a tiny model of this type, and rows of two tasks."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_model(folder / "model", model_type, **changes)
    for task in ("mood", "other"):
        write_rows(folder, task, train=13, validation=9, test=5)
    return folder


def plan_of(
    parallelism: dict[str, Any], sections: dict[str, dict[str, Any]] | None = None, **training: Any
) -> Plan:
    """Two tasks, 20 steps; one of them counts all text in its loss."""
    other = tiny_task("other", virtual_token_splits=(3,), answer_only_loss=False)
    values: dict[str, Any] = {
        "max_steps": 20,
        "global_batch_size": 8,
        "micro_batch_size": 2,
        "val_check_interval": 10,
        **training,
    }
    return tiny_plan(
        tasks=(tiny_task(), other),
        sections={**(sections or {}), "parallelism": parallelism},
        **values,
    )


def ready_in(plan: Plan, folder: Path, runs: str) -> Ready:
    """What a train.py has before it trains, in runs of this name."""
    os.environ["SOFTPROMPT_CACHE"] = str(folder / "cache")
    torch.set_num_threads(1)
    return make_ready(plan, folder, runs)


def run_plan(plan: Plan, folder: Path, runs: str, path: ForwardPath | None = None) -> Outcome:
    """Train, save, predict: what train.py and evaluate.py do, in runs of this name.

    path: how rows go through the model; None: the fastest way.
    """
    ready = ready_in(plan, folder, runs)
    ready.base_model.path = path or ready.base_model.path
    tables = ready.fit()
    soft_prompt = save_soft_prompt(ready.run, ready.learner, ready.base_model)
    tokenizer = load_tokenizer(ready.run)
    test = load_examples(ready.run, tokenizer, Split.TEST)
    predictions = generate_predictions(
        ready.run, ready.base_model, tokenizer, test, soft_prompt=soft_prompt
    )
    write_predictions(ready.run, predictions)
    entries = read_history(ready.run.history_file)
    names = ("loss", "val_loss")
    return Outcome(
        losses=[float(entry[name]) for name in names for entry in entries if name in entry],
        tables=tables,
        completions=[row.completion for row in predictions],
        fingerprint=ready.base_model.fingerprint,
        rank=ready.run.mesh.rank,
    )


def files_of(folder: Path, runs: str) -> dict[str, Any]:
    """What a run left that must not tell its layout."""
    found = folder / runs / "tiny"
    meta = json.loads((found / "soft_prompt" / "soft_prompt.json").read_text("utf-8"))
    lines = (found / "predictions.jsonl").read_text("utf-8").splitlines()
    return {
        "soft prompt": {key: value for key, value in meta.items() if "sha256" not in key},
        "ids": [json.loads(line)["id"] for line in lines],
        "completions": [json.loads(line)["completion"] for line in lines],
        "names": sorted(path.name for path in found.iterdir()),
    }


def difference(found: Tensor, wanted: Tensor) -> float:
    """||found - wanted|| / ||wanted||."""
    return float((found.double() - wanted.double()).norm() / wanted.double().norm())
