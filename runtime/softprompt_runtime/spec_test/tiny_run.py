"""A spec's training, cut down to a tiny model, few rows and few steps."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import final

import torch
from torch import Tensor

from softprompt_plan.plan import InferencePlan, Plan, PromptLearningPlan, TrainingPlan
from softprompt_plan.tokenization import FastTokenizer
from softprompt_plan.vocabulary import (
    Accelerator,
    InitMethod,
    ModelDtype,
    ModelSourceKind,
    Precision,
    ResumePolicy,
    ScheduleName,
    Split,
)
from softprompt_runtime.base_model import BaseModel, load_base_model
from softprompt_runtime.examples import Examples, load_examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.prompt_learner import PromptLearner, create_prompt_learner
from softprompt_runtime.run import Run, open_run
from softprompt_runtime.training import fit

_MOST_NEW_TOKENS = 8
_MOST_HIDDEN = 64  # of the prompt encoder
_LOWEST_LR = 1e-4  # a step by less could be lost to rounding


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A training that has come to its end.

    start, start_tables: the learner's state and tables before its first step. with_gradient: names
    of its parameters that got a gradient.
    """

    run: Run
    base_model: BaseModel
    learner: PromptLearner
    start: dict[str, Tensor]
    start_tables: dict[str, Tensor]
    with_gradient: frozenset[str]


@final
class TinyRun:
    """The spec's run on the tiny model, on the CPU. Each training is a run of its own name."""

    def __init__(self, plan: Plan, spec_folder: Path, tokenizer: FastTokenizer) -> None:
        """plan: what `tiny_plan` makes of the spec's."""
        self.plan = plan
        self.tokenizer = tokenizer
        self.spec_folder = spec_folder

    def open(self, name: str, **training: int) -> Run:
        """A run of this name whose training has these values."""
        plan = replace(self.plan, name=name, training=replace(self.plan.training, **training))
        return open_run(plan, spec_folder=self.spec_folder)

    @cached_property
    def base_model(self) -> BaseModel:
        """The tiny model."""
        return load_base_model(self.open("model"))

    @cached_property
    def train_rows(self) -> Examples:
        """All training rows."""
        return load_examples(self.open("rows"), self.tokenizer, Split.TRAIN)

    @cached_property
    def validation_rows(self) -> Examples:
        """All validation rows."""
        return load_examples(self.open("rows"), self.tokenizer, Split.VALIDATION)

    @cached_property
    def test_rows(self) -> Examples:
        """All test rows, as prompts."""
        return load_examples(self.open("rows"), self.tokenizer, Split.TEST)

    @cached_property
    def two_steps(self) -> Trained:
        """Two steps, each over all training rows: so every task is in both."""
        everything = max(1, len(self.train_rows))
        half = -(-everything // 2)  # two micro-batches a step
        return self.train(
            "two-steps", max_steps=2, global_batch_size=everything, micro_batch_size=half
        )

    def train(self, name: str, **training: int) -> Trained:
        """A training as a compiled train.py does it, or the rest of one that was killed."""
        run = self.open(name, **training)
        learner = create_prompt_learner(run, self.base_model, self.tokenizer)
        start = {key: value.clone() for key, value in learner.state_dict().items()}
        with torch.no_grad():
            tables = {task: table.clone() for task, table in learner.tables().items()}
        seen = _noting_gradients(learner)
        fit(run, self.base_model, learner, self.train_rows, self.validation_rows)
        return Trained(
            run=run,
            base_model=self.base_model,
            learner=learner,
            start=start,
            start_tables=tables,
            with_gradient=frozenset(seen),
        )


def _noting_gradients(learner: PromptLearner) -> set[str]:
    """Names of parameters, filled in as they get gradients; the loop clears those in the end."""
    seen: set[str] = set()
    for name, parameter in learner.named_parameters():

        def note(_: Tensor, name: str = name) -> None:
            seen.add(name)

        parameter.register_post_accumulate_grad_hook(note)
    return seen


def tiny_plan(plan: Plan, model_folder: Path) -> Plan:
    """The plan with the tiny model in place of the base model, for the CPU.

    Templates, virtual tokens, limits, encoder type, init and sampling stay as the spec has them.
    What needs a prompt that was trained for the real model starts at random instead. Weights are
    float32, in which a result can be told from rounding.
    """
    if "${" in str(model_folder):
        raise RunFailure(f"The path {model_folder} holds `${{`, which names a variable")
    model = replace(
        plan.model,
        source=str(model_folder),
        kind=ModelSourceKind.FOLDER,
        revision=None,
        dtype=ModelDtype.FLOAT32,
    )
    parallelism = replace(
        plan.parallelism,
        accelerator=Accelerator.CPU,
        num_nodes=1,
        devices=1,
        tensor_model_parallel_size=1,
        pipeline_model_parallel_size=1,
        sequence_parallel=False,
    )
    return replace(
        plan,
        model=model,
        tasks=tuple(replace(task, weight=1.0) for task in plan.tasks),
        prompt_learning=tiny_learning(plan.prompt_learning),
        training=_tiny_training(plan.training),
        parallelism=parallelism,
        inference=_tiny_inference(plan.inference),
    )


def tiny_learning(plan: PromptLearningPlan) -> PromptLearningPlan:
    """A small encoder, and no prompt that was trained for the real model."""
    encoder, init = plan.encoder, plan.init
    if encoder is not None:
        encoder = replace(encoder, hidden_size=min(encoder.hidden_size, _MOST_HIDDEN))
    if init.method is InitMethod.PROMPT:
        init = replace(init, method=InitMethod.RANDOM, path=None)
    return replace(plan, encoder=encoder, init=init, restore_path=None)


def _tiny_training(plan: TrainingPlan) -> TrainingPlan:
    sched = replace(plan.optim.sched, name=ScheduleName.CONSTANT, warmup_steps=0, constant_steps=0)
    keeps = plan.precision is Precision.BF16_MIXED
    return replace(
        plan,
        max_epochs=None,
        max_steps=2,
        precision=plan.precision if keeps else Precision.FP32,
        val_check_interval=2,
        checkpoint_every_n_steps=1,
        early_stopping=None,
        resume=ResumePolicy.AUTO,
        loggers=(),
        optim=replace(plan.optim, lr=max(plan.optim.lr, _LOWEST_LR), sched=sched),
    )


def _tiny_inference(plan: InferencePlan) -> InferencePlan:
    return replace(plan, tokens_to_generate=min(plan.tokens_to_generate, _MOST_NEW_TOKENS))
