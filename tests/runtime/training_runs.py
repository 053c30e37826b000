"""Short trainings of a tiny model, for the tests of the training loop."""

import json
import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import Split
from softprompt_runtime.base_model import BaseModel, load_base_model
from softprompt_runtime.examples import Examples, load_examples
from softprompt_runtime.prompt_learner import (
    PromptLearner,
    create_prompt_learner,
    final_tables,
    save_soft_prompt,
)
from softprompt_runtime.run import RUNS_VARIABLE, Run, open_run
from softprompt_runtime.tokenizer import load_tokenizer
from softprompt_runtime.training import fit
from tests.runtime.plans import tiny_plan
from tests.tiny_model_folder import write_tiny_model

SPLIT_SIZES = {"train": 10, "validation": 5, "test": 3}


def write_rows(folder: Path, task: str = "mood", **sizes: int) -> None:
    """The three data files of a `tiny_task`; rows of different lengths."""
    draw = random.Random(task)
    for split, size in {**SPLIT_SIZES, **sizes}.items():
        rows = [
            {"text": "ab" * draw.randint(1, 6), "label": draw.choice([" x", " yz"])}
            for _ in range(size)
        ]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{task}_{split}.jsonl").write_text(text, "utf-8")


def prepare_folder(folder: Path, *tasks: str) -> Path:
    """A folder with a tiny model and rows for the tasks, to run `tiny_plan`s in."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_model(folder / "model")
    for task in tasks or ("mood",):
        write_rows(folder, task)
    return folder


@dataclass(frozen=True, kw_only=True)
class Ready:
    """All that a training needs."""

    run: Run
    base_model: BaseModel
    learner: PromptLearner
    train: Examples
    validation: Examples

    def fit(self) -> dict[str, Tensor]:
        """Train, and give back the tables."""
        fit(self.run, self.base_model, self.learner, self.train, self.validation)
        return final_tables(self.learner)


def make_ready(plan: Plan, folder: Path, runs: str = "runs") -> Ready:
    """Everything of a train.py before `fit`. Runs lie in this folder of the folder."""
    os.environ[RUNS_VARIABLE] = str(folder / runs)
    run = open_run(plan, spec_folder=folder)
    tokenizer = load_tokenizer(run)
    base_model = load_base_model(run)
    return Ready(
        run=run,
        base_model=base_model,
        learner=create_prompt_learner(run, base_model, tokenizer),
        train=load_examples(run, tokenizer, Split.TRAIN),
        validation=load_examples(run, tokenizer, Split.VALIDATION),
    )


def train(folder: Path, **changes: Any) -> dict[str, Tensor]:
    """Train a `tiny_plan` with these changes in a prepared folder, and save its soft prompt."""
    ready = make_ready(tiny_plan(**changes), folder)
    tables = ready.fit()
    save_soft_prompt(ready.run, ready.learner, ready.base_model)
    return tables
