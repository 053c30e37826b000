"""The rows of one split of a task, read as training does it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tables import open_table
from softprompt_plan.plan import TaskPlan
from softprompt_plan.row_limit import row_limit
from softprompt_plan.rows import Row, RowFault, read_rows
from softprompt_plan.template import parse_template
from softprompt_plan.vocabulary import Split


def files_of(resolved: ResolvedSpec, task: TaskPlan, split: Split) -> list[Path] | None:
    """The split's files in the spec's order; None if the spec names none."""
    paths = [
        files
        for path, files in resolved.found.items()
        if path.task == task.name and path.split is split
    ]
    return [file for files in paths for file in files] if paths else None


def rows_of(
    task: TaskPlan, split: Split, files: Sequence[Path], *, all_rows: bool = False
) -> Iterator[Row | RowFault]:
    """The rows as the runtime reads them: a test row may lack its answer, or have several.

    all_rows: those too that `max_rows` leaves out.
    """
    names = parse_template(task.prompt_template).fields
    answers = [name for name in names if name == task.answer_field and split is Split.TEST]
    return read_rows(
        files,
        task=task.name,
        needed=[name for name in names if name not in answers],
        optional=answers,
        list_allowed=answers,
        fields=dict(task.data.fields),
        limit=None if all_rows else row_limit(task.data, split),
        open_table=open_table,
    )
