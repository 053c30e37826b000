"""What is generated: one prediction a row, in order, whoever sits beside."""

import math
import os
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from softprompt_plan.example import Example, Unfit
from softprompt_plan.paths import resolve_files
from softprompt_plan.plan import TaskPlan
from softprompt_runtime.generation import Completion, FinishReason, generate
from softprompt_runtime.predictions import generate_predictions
from softprompt_runtime.prompt_learner import final_tables, save_soft_prompt
from softprompt_runtime.soft_prompt import load_soft_prompt
from softprompt_runtime.spec_test.check import CheckFailed, CheckSkipped
from softprompt_runtime.spec_test.tiny_run import TinyRun

_ROWS_OF_TASK = 8  # generated one by one, so few
_ROUNDING = 1e-3  # of a completion's logarithm of probability, relative


def check_predictions(tiny: TinyRun) -> str:
    """One prediction for each test row, in the order of the rows."""
    trained = tiny.two_steps
    save_soft_prompt(trained.run, trained.learner, trained.base_model)
    soft_prompt = load_soft_prompt(trained.run, trained.base_model)
    found = generate_predictions(
        trained.run, trained.base_model, tiny.tokenizer, tiny.test_rows, soft_prompt=soft_prompt
    )
    counts = [(task.name, _num_rows(tiny, task)) for task in tiny.plan.tasks]
    expected = [f"{name}:{at}" for name, count in counts for at in range(count)]
    if not expected:
        raise CheckSkipped("there are no test rows")
    ids = [prediction.id for prediction in found]
    if ids != expected:
        pairs = enumerate(zip_longest(ids, expected))
        at, (id, wanted) = next(each for each in pairs if each[1][0] != each[1][1])
        raise CheckFailed(
            f"{len(expected)} test rows have {len(ids)} predictions; number {at} is of {id}, "
            f"not {wanted}"
        )
    ran = sum(prediction.status == "ok" for prediction in found)
    if not ran:
        raise CheckFailed(f"no prompt could be run: {found[0].reason}")
    left = f", {len(found) - ran} with a reason why not" if ran < len(found) else ""
    return f"{ran} predictions for {len(expected)} rows{left}"


def check_batch_sizes(tiny: TinyRun) -> str:
    """Completions do not depend on how many prompts are run together."""
    planned = tiny.plan.inference.batch_size
    rows = _some_rows(tiny)
    sizes = list(dict.fromkeys((1, min(planned, len(rows)), 3)))
    alone, *others = (_completions(tiny, rows, size) for size in sizes)
    if all(completion.finish_reason is FinishReason.NOT_RUN for completion in alone):
        raise CheckSkipped("none of the test rows' prompts can be run")
    for size, together in zip(sizes[1:], others, strict=True):
        for at, (one, other) in enumerate(zip(alone, together, strict=True)):
            if not _same(one, other):
                raise CheckFailed(
                    f"prompt {at} is completed with ids {list(one.ids)} when alone, and with "
                    f"{list(other.ids)} in batches of {size}"
                )
    return f"{len(rows)} completions, the same in batches of {', '.join(map(str, sizes))}"


def _some_rows(tiny: TinyRun) -> list[Example | Unfit]:
    rows = tiny.test_rows
    numbers = [rows.of_tasks([task.name])[:_ROWS_OF_TASK] for task in tiny.plan.tasks]
    found = [rows[number] for own in numbers for number in own]
    if not found:
        raise CheckSkipped("there are no test rows")
    return found


def _completions(
    tiny: TinyRun, rows: Sequence[Example | Unfit], batch_size: int
) -> list[Completion]:
    trained = tiny.two_steps
    inference = replace(tiny.plan.inference, batch_size=batch_size)
    tables = final_tables(trained.learner)
    return generate(trained.base_model, rows, tables, inference, tiny.tokenizer.eos_id)


def _same(one: Completion, other: Completion) -> bool:
    if (one.ids, one.finish_reason) != (other.ids, other.finish_reason):
        return False
    if one.sum_logprob is None or other.sum_logprob is None:
        return one.sum_logprob is other.sum_logprob
    return math.isclose(one.sum_logprob, other.sum_logprob, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _num_rows(tiny: TinyRun, task: TaskPlan) -> int:
    """Rows of the task's test files, counted without the code that reads them: lines of JSON."""
    paths = task.data.test
    found = [resolve_files(path, tiny.spec_folder, os.environ) for path in paths]
    return sum(file.read_bytes().count(b"\n") for files in found for file in files)
