"""What is trained: a table of virtual tokens for each task, free or made by a prompt encoder.

P virtual tokens of a task, D width of the base model.

Prompt-tuning (Lester et al. 2021): the table itself is the parameter.

P-tuning (Liu et al. 2021), one encoder for all tasks:  table = init + encoder(input).
  input  a trainable (P, D) table of each task's own. This is what conditions the shared encoder on
         the task: rows of one task differ from each other and from every other task's from the
         first step on, so each task gets virtual tokens of its own. (NeMo 1.17 and later fed all
         tasks one input, hence one prompt for all; earlier ones wrote the task name's embeddings
         over the first rows, hence equal rows for names that share a word.) It starts as noise at
         the scale of the base model's embeddings; NeMo's N(0, 1) is tens of times that.
  init   the rows of `prompt_learning.init`, a constant. The encoder's last layer starts at zero, so
         the first step sees exactly these rows and training moves on from there, as residual
         prompt tuning does (Razdaibiedina et al. 2023). Were the init rows the encoder's input
         instead, repeated rows (a text shorter than P) would stay repeated, and an untrained
         encoder would drown what they mean.
With encoder type `embedding` there is no function: the table is a parameter, as in prompt-tuning.
"""

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor, nn

from softprompt_plan.example import Tokenizer
from softprompt_plan.plan import TaskPlan
from softprompt_plan.serialize import result_digest
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.encoder_shards import SHARED_OUT
from softprompt_runtime.prompt_encoder import PromptEncoder, TpmlpEncoder
from softprompt_runtime.prompt_start import PromptStart, resolve_folder
from softprompt_runtime.run import Run
from softprompt_runtime.soft_prompt import (
    SoftPrompt,
    SoftPromptMeta,
    SoftPromptTask,
    read_soft_prompt,
    require_base_model,
    require_task,
    write_soft_prompt,
)


@final
class PromptLearner(nn.Module):
    """The trainable part of a run, and the tables that are kept from a trained soft prompt.

    Parameters are float32, whatever the base model's dtype.
    """

    def __init__(
        self,
        *,
        init_tables: Mapping[str, Tensor],
        encoder: PromptEncoder | None = None,
        inputs: Mapping[str, Tensor] | None = None,
        restored: SoftPrompt | None = None,
    ) -> None:
        """Start at `init_tables`, (P, D) for each task to train, bit for bit.

        encoder, inputs: for p-tuning with an encoder that has layers; (P, D) for each task to
        train. restored: the soft prompt whose tables are only kept.
        """
        super().__init__()
        self.trained_tasks = tuple(init_tables)
        self.kept_tasks = () if restored is None else restored.meta.tasks
        self.encoder = encoder
        rows = init_tables if inputs is None else inputs
        self._rows = nn.ParameterList([rows[task].float().clone() for task in self.trained_tasks])
        for at, task in enumerate(self.kept_tasks):
            assert restored is not None
            self.register_buffer(f"_kept_{at}", restored.tables[task.name].float().clone())
        if encoder is not None:
            for at, table in enumerate(init_tables.values()):
                self.register_buffer(f"_init_{at}", table.float().clone())
            _start_at_zero(encoder)

    def tables(self) -> dict[str, Tensor]:
        """(P, D) float32 for each task, kept ones first. Differentiable in the parameters.

        Computed in float32, under autocast too: it is little work, and the tables are the result.
        """
        with torch.autocast(self._rows[0].device.type, enabled=False):
            trained = {task: self._table(at) for at, task in enumerate(self.trained_tasks)}
        return {**self.frozen_tables, **trained}

    @property
    def frozen_tables(self) -> dict[str, Tensor]:
        """(P, D) float32 for each task that is only kept."""
        return {task.name: self._buffer(f"_kept_{at}") for at, task in enumerate(self.kept_tasks)}

    def trainable_parameters(self) -> list[nn.Parameter]:
        """All that an optimizer moves."""
        return list(self.parameters())

    def shared_out(self) -> dict[int, int]:
        """By number of a trainable parameter that processes share out: the dimension."""
        if not isinstance(self.encoder, TpmlpEncoder):
            return {}
        dims = {id(self.encoder.get_parameter(name)): dim for name, dim in SHARED_OUT.items()}
        numbered = enumerate(self.trainable_parameters())
        return {at: dims[id(each)] for at, each in numbered if id(each) in dims}

    def _table(self, at: int) -> Tensor:
        rows_PD = self._rows[at]
        if self.encoder is None:
            return rows_PD
        return self._buffer(f"_init_{at}") + self.encoder(rows_PD)

    def _buffer(self, name: str) -> Tensor:
        buffer = self.get_buffer(name)
        assert isinstance(buffer, Tensor)
        return buffer


def create_prompt_learner(run: Run, base_model: BaseModel, tokenizer: Tokenizer) -> PromptLearner:
    """The plan's prompt learner on the base model's device, before its first step.

    Its first values depend on the plan's seed, the base model and the tokenizer only, and those of
    a task not on the other tasks. Raises RunFailure where init or restore_path cannot be used.
    """
    restored = _restored(run, base_model)
    kept = {task.name for task in restored.meta.tasks} if restored is not None else set[str]()
    tasks = [task for task in run.plan.tasks if task.name not in kept]
    if not tasks:
        raise RunFailure(
            "Every task of the plan is kept from prompt_learning.restore_path: nothing is trained",
            "Add a new task, or start from the trained one with init: {method: prompt}.",
        )
    start = PromptStart(run=run, base_model=base_model, tokenizer=tokenizer)
    encoder = start.encoder()
    learner = PromptLearner(
        init_tables={task.name: start.table(task) for task in tasks},
        encoder=encoder,
        inputs=None if encoder is None else {task.name: start.input(task) for task in tasks},
        restored=restored,
    )
    tensor = base_model.mesh.tensor
    if tensor.size > 1 and isinstance(encoder, TpmlpEncoder):
        encoder.share_out(tensor)  # once it has started: the same values on any layout
    return learner.to(base_model.device)


def save_soft_prompt(run: Run, learner: PromptLearner, base_model: BaseModel) -> SoftPrompt:
    """Write the learner's tables to the run's soft_prompt folder.

    Tables kept from a trained soft prompt are written as they were, also of tasks that the plan
    does not name. Raises RunFailure where the disk refuses or a table is not finite.
    """
    tables = final_tables(learner)
    plan = run.plan
    trained = {task.name: task for task in plan.tasks if task.name in learner.trained_tasks}
    meta = SoftPromptMeta(
        virtual_prompt_style=plan.prompt_learning.virtual_prompt_style,
        base_model=plan.model.source,
        base_model_fingerprint=base_model.fingerprint,
        width=base_model.width,
        plan_digest=result_digest(plan),
        tasks=(*learner.kept_tasks, *(_describe(trained[name]) for name in learner.trained_tasks)),
    )
    soft_prompt = SoftPrompt(tables=tables, meta=meta)
    run.mesh.on_main(lambda: write_soft_prompt(run.soft_prompt_folder, soft_prompt))
    return soft_prompt


@torch.no_grad()
def final_tables(learner: PromptLearner) -> dict[str, Tensor]:
    """The learner's tables as they are used: without dropout, on the CPU, its own copies.

    Raises RunFailure for a table with values that are not finite.
    """
    learner.eval()
    tables = {task: table.detach().cpu().clone() for task, table in learner.tables().items()}
    for task, table in tables.items():
        if not table.isfinite().all():
            raise RunFailure(f"The soft prompt of task {task!r} has values that are not finite")
    return tables


def _restored(run: Run, base_model: BaseModel) -> SoftPrompt | None:
    """The soft prompt whose tasks are kept; tasks of the plan must be as they were trained."""
    path = run.plan.prompt_learning.restore_path
    if path is None:
        return None
    folder = resolve_folder(path, run)
    soft_prompt = read_soft_prompt(folder)
    require_base_model(soft_prompt, base_model, folder)
    for task in run.plan.tasks:
        if task.name in soft_prompt.tables:
            require_task(soft_prompt, task, folder)
    return soft_prompt


def _describe(task: TaskPlan) -> SoftPromptTask:
    return SoftPromptTask(
        name=task.name,
        prompt_template=task.prompt_template,
        whitespace=task.whitespace,
        virtual_token_splits=task.virtual_token_splits,
    )


@torch.no_grad()
def _start_at_zero(encoder: PromptEncoder) -> None:
    """Make the encoder give zeros until its last layer has moved."""
    assert encoder.output_layer is not None, "an encoder without layers is no function"
    nn.init.zeros_(encoder.output_layer.weight)
    nn.init.zeros_(encoder.output_layer.bias)
