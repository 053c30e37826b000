"""What the launch scripts ask of a run by variables: another seed, or a trial of the set-up.

A trial is the same run through the same launcher on the same devices, a few steps long, with a tiny
random model of the base model's family in its place, and in a folder of its own.
"""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from softprompt_plan.plan import DataPlan, MaxRowsPlan, ModelPlan, ParallelismPlan, Plan
from softprompt_plan.serialize import digest_of
from softprompt_plan.vocabulary import ModelSourceKind, ResumePolicy, ScheduleName
from softprompt_runtime.cache_folder import CACHE_VARIABLE, cache_folder
from softprompt_runtime.failure import RunFailure, first_line
from softprompt_runtime.file_lock import file_lock

SMOKE_VARIABLE = "SOFTPROMPT_SMOKE"  # 1: a trial
SEED_VARIABLE = "SOFTPROMPT_SEED"  # a whole number in place of training.seed
_STEPS = 3
_MOST_ROWS = 16  # of validation and test
_MOST_NEW_TOKENS = 8


def asked_plan(plan: Plan, environment: Mapping[str, str]) -> Plan:
    """The plan with the seed that is asked for, and with the name of the run that is asked for.

    Runs of other seeds are named NAME-seed-N, trials NAME-smoke. Raises RunFailure for a seed that
    is no whole number.
    """
    seed = environment.get(SEED_VARIABLE)
    if seed:
        if not seed.isdecimal() or int(seed) >= 2**32:
            raise RunFailure(f"{SEED_VARIABLE} is {seed!r:.80}, not a whole number below 2^32")
        training = replace(plan.training, seed=int(seed))
        plan = replace(plan, name=f"{plan.name}-seed-{int(seed)}", training=training)
    return replace(plan, name=f"{plan.name}-smoke") if is_smoke(environment) else plan


def is_smoke(environment: Mapping[str, str]) -> bool:
    """Whether a trial is asked for."""
    return environment.get(SMOKE_VARIABLE) == "1"


def smoke_plan(plan: Plan, model_folder: Path) -> Plan:
    """The plan cut down to a trial. Layout, batches, precision and prompt encoder stay."""
    from softprompt_runtime.spec_test.tiny_run import tiny_learning  # Lightning takes seconds

    if "${" in str(model_folder):
        raise RunFailure(f"The path {model_folder} holds `${{`, which names a variable")
    training = plan.training
    sched = replace(
        training.optim.sched, name=ScheduleName.CONSTANT, warmup_steps=0, constant_steps=0
    )
    most = _STEPS * training.global_batch_size
    return replace(
        plan,
        model=replace(
            plan.model, source=str(model_folder), kind=ModelSourceKind.FOLDER, revision=None
        ),
        tasks=tuple(replace(task, data=_few_rows(task.data, most)) for task in plan.tasks),
        prompt_learning=tiny_learning(plan.prompt_learning),
        training=replace(
            training,
            max_epochs=None,
            max_steps=_STEPS,
            val_check_interval=_STEPS,
            checkpoint_every_n_steps=1,
            early_stopping=None,
            resume=ResumePolicy.NEVER,
            loggers=(),
            optim=replace(training.optim, sched=sched),
        ),
        inference=replace(
            plan.inference,
            tokens_to_generate=min(plan.inference.tokens_to_generate, _MOST_NEW_TOKENS),
        ),
    )


def _few_rows(data: DataPlan, most: int) -> DataPlan:
    def fewer(limit: int | None, new: int) -> int:
        return new if limit is None else min(limit, new)

    rows = data.max_rows
    few = MaxRowsPlan(
        train=fewer(rows.train, most),
        validation=fewer(rows.validation, _MOST_ROWS),
        test=fewer(rows.test, _MOST_ROWS),
    )
    return replace(data, max_rows=few)


def tiny_model_folder(model: ModelPlan, layout: ParallelismPlan, spec_folder: Path) -> Path:
    """The tiny model with the base model's tokenizer, in the user's cache; made if need be.

    It has enough heads and layers for the layout. The same on every machine. Raises RunFailure.
    """
    from softprompt_runtime.tokenizer import tokenizer_files

    source = tokenizer_files(model, spec_folder)
    heads = max(2, layout.tensor_model_parallel_size)
    layers = max(2, layout.pipeline_model_parallel_size)
    name = f"{source.resolve()}|{source.stat().st_mtime_ns}|{heads}|{layers}"
    try:
        folder = cache_folder() / "smoke" / digest_of([name.encode()])[:32]
        if not folder.is_dir():
            folder.parent.mkdir(exist_ok=True)
            with file_lock(folder.with_suffix(".lock"), wait=True):
                if not folder.is_dir():  # another process may have been faster
                    _make(source, folder, heads, layers)
    except OSError as error:
        help = f"Set {CACHE_VARIABLE} to a folder that can be written."
        raise RunFailure(f"The tiny model cannot be written: {first_line(error)}", help) from None
    return folder


def _make(source: Path, folder: Path, heads: int, layers: int) -> None:
    """Write the folder under another name first: where files cannot be locked, several do."""
    from softprompt_runtime.spec_test.check import CheckSkipped
    from softprompt_runtime.spec_test.tiny_model import write_tiny_model
    from softprompt_runtime.tokenizer import copy_tokenizer

    building = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        write_tiny_model(source, building, num_heads=heads, num_layers=layers)
        copy_tokenizer(source, building)
        if not folder.is_dir():
            os.replace(building, folder)
    except CheckSkipped as skipped:
        raise RunFailure(f"The set-up cannot be tried: {skipped}") from None
    except OSError:
        if not folder.is_dir():  # another process was not faster
            raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
