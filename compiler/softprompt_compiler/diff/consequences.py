"""What a difference means for what there is already: checkpoints, and a trained soft prompt."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from softprompt_compiler.diff.changes import Difference
from softprompt_plan.identity import FIELDS_OF_A_TRAINED_TASK
from softprompt_plan.plan import DataPlan, Plan
from softprompt_plan.vocabulary import ResumePolicy, Split

_TRAINED_ON = (Split.TRAIN, Split.VALIDATION)


class Answer(StrEnum):
    """Whether something holds. UNSURE: it hangs on files that specs alone do not tell of."""

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class Consequence:
    """An answer, and why it is not yes: a clause a reason."""

    answer: Answer
    reasons: tuple[str, ...]


def resumable(found: Difference) -> Consequence:
    """Whether a training of `a` goes on from its checkpoints as `b`."""
    certain = [f"`{each.key}` decides the result" for each in found.values if each.decides_result]
    if found.b.plan.training.resume is ResumePolicy.NEVER:
        certain.append("`training.resume` is `never`")
    possible = [*_folder_reasons(found), *_model_reasons(found), *_row_reasons(found)]
    return _consequence(certain, possible)


def prompt_fits(found: Difference) -> Consequence:
    """Whether the soft prompt that `a` trained serves `b`."""
    return _consequence(
        list(_task_reasons(found.a.plan, found.b.plan)), list(_model_reasons(found))
    )


def _consequence(certain: list[str], possible: list[str]) -> Consequence:
    if certain:
        return Consequence(answer=Answer.NO, reasons=tuple(certain))
    answer = Answer.UNSURE if possible else Answer.YES
    return Consequence(answer=answer, reasons=tuple(possible))


def _task_reasons(a: Plan, b: Plan) -> Iterator[str]:
    trained = {task.name: task for task in a.tasks}
    for task in b.tasks:
        if task.name not in trained:
            yield f"task `{task.name}` is new"
            continue
        for field in FIELDS_OF_A_TRAINED_TASK:
            if getattr(trained[task.name], field) != getattr(task, field):
                yield f"`tasks.{task.name}.{field}` is another"


def _folder_reasons(found: Difference) -> Iterator[str]:
    if found.a.plan.name != found.b.plan.name:
        yield "`name` is another: the checkpoints must lie in the folder of the run of that name"


def _model_reasons(found: Difference) -> Iterator[str]:
    before, after = found.a.plan.model, found.b.plan.model
    if (before.source, before.revision) != (after.source, after.revision):
        yield "the base model's weights must be the same under the other name"
    elif found.model_files:
        yield "the base model's files have changed, and its weights must be the same"


def _row_reasons(found: Difference) -> Iterator[str]:
    """Rows count by what they are as tokens; that is known when they are read."""
    if found.model_files:
        yield "the rows must become the same tokens"
    kept = {task.name for task in found.a.plan.tasks}
    for task in found.b.plan.tasks:
        for split in _TRAINED_ON:
            if task.name in kept and not _are_same_rows(found, task.name, split):
                yield f"the {split} rows of task `{task.name}` must be the same"


def _are_same_rows(found: Difference, task: str, split: Split) -> bool:
    """Where a side does not tell its files' content, equal paths are taken for equal files."""
    a, b = found.a, found.b
    before, after = a.plan.task(task).data, b.plan.task(task).data
    if _row_settings(before, split) != _row_settings(after, split):
        return False
    if a.data is None or b.data is None:
        return getattr(before, split) == getattr(after, split)
    return a.data.get((task, split)) == b.data.get((task, split))


def _row_settings(data: DataPlan, split: Split) -> tuple[object, ...]:
    return (data.fields, data.shuffle_seed, data.too_long, getattr(data.max_rows, split))
