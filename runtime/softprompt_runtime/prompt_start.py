"""Where everything that trains starts from: encoder weights, encoder inputs, virtual tokens.

P virtual tokens of a task, D width of the base model. All values depend on the plan's seed, the
base model and the tokenizer only; those of one task not on the other tasks.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from softprompt_plan.example import Tokenizer
from softprompt_plan.paths import UnsetVariableError, resolve
from softprompt_plan.plan import TaskPlan
from softprompt_plan.vocabulary import InitMethod
from softprompt_runtime import prompt_init
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.prompt_encoder import PromptEncoder, create_prompt_encoder
from softprompt_runtime.run import Run
from softprompt_runtime.soft_prompt import read_soft_prompt, require_base_model


@final
@dataclass(frozen=True, kw_only=True)
class PromptStart:
    """The first values of a run's prompt learner."""

    run: Run
    base_model: BaseModel
    tokenizer: Tokenizer

    def encoder(self) -> PromptEncoder | None:
        """The shared encoder, or None where the table itself is the parameter."""
        plan = self.run.plan.prompt_learning.encoder
        if plan is None:
            return None
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self._generator("encoder").initial_seed())
            encoder = create_prompt_encoder(plan, self.base_model.width)
        return None if encoder.output_layer is None else encoder

    def input(self, task: TaskPlan) -> Tensor:
        """(P, D): input rows of the encoder, at the scale of embeddings, unique to the task."""
        generator = self._generator("input", task.name)
        vocab_size = self.base_model.vocab_size
        return prompt_init.from_noise(self._embed, vocab_size, task.num_virtual_tokens, generator)

    def table(self, task: TaskPlan) -> Tensor:
        """(P, D): the virtual tokens before the first step."""
        init, tokenizer = self.run.plan.prompt_learning.init, self.tokenizer
        num_rows, vocab_size = task.num_virtual_tokens, self.base_model.vocab_size
        generator = self._generator("init", task.name)
        match init.method:
            case InitMethod.TEXT:
                return prompt_init.from_text(self._embed, tokenizer, init.text or "", num_rows)
            case InitMethod.CLASS_LABELS:
                labels = init.labels
                return prompt_init.from_class_labels(self._embed, tokenizer, labels, num_rows)
            case InitMethod.VOCABULARY:
                return prompt_init.from_vocabulary(
                    self._embed, tokenizer, vocab_size, num_rows, generator
                )
            case InitMethod.RANDOM:
                return prompt_init.from_noise(self._embed, vocab_size, num_rows, generator)
            case InitMethod.PROMPT:
                return self._trained_table(init.path or "", task)

    def _trained_table(self, path: str, task: TaskPlan) -> Tensor:
        """The table of this task in another soft prompt; or its only one, whatever its task."""
        folder = resolve_folder(path, self.run)
        soft_prompt = read_soft_prompt(folder)
        require_base_model(soft_prompt, self.base_model, folder)
        tables = soft_prompt.tables
        name = next(iter(tables)) if len(tables) == 1 else task.name
        if name not in tables:
            names = ", ".join(sorted(tables))
            raise RunFailure(
                f"The soft prompt in {folder} has no task {task.name!r} to start from; "
                f"it has: {names}"
            )
        if len(tables[name]) != task.num_virtual_tokens:
            raise RunFailure(
                f"The trained prompt of {name!r} in {folder} has {len(tables[name])} virtual "
                f"tokens, and task {task.name!r} has {task.num_virtual_tokens}",
                "Give the task as many virtual tokens as the trained prompt has.",
            )
        return tables[name]

    def _embed(self, ids_N: Tensor) -> Tensor:
        """Embeddings, on every pipeline stage those of the first."""
        embeddings_ND = self.base_model.embed(ids_N.to(self.base_model.device))
        return self.base_model.mesh.pipeline.copy_from(0, embeddings_ND)

    def _generator(self, *purpose: str) -> torch.Generator:
        return prompt_init.generator_for(self.run.plan.training.seed, *purpose)


def resolve_folder(path: str, run: Run) -> Path:
    """The real folder of a plan's path. Raises RunFailure for an unset variable."""
    try:
        return resolve(path, run.spec_folder, os.environ)
    except UnsetVariableError as error:
        raise RunFailure(f"The path {path!r} cannot be filled in: {error}") from None
