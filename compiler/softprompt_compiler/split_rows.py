"""The rows of one split of a task, read and encoded as training does it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tables import open_table
from softprompt_plan.example import RowEncoder, Tokenizer
from softprompt_plan.plan import Plan, TaskPlan
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


def row_encoder(plan: Plan, task: TaskPlan, split: Split, tokenizer: Tokenizer) -> RowEncoder:
    """The encoder as the runtime makes it: a test row leaves room for its completion."""
    return RowEncoder(task, tokenizer, token_limit(plan, split), plan.inference.add_bos)


def token_limit(plan: Plan, split: Split) -> int:
    """The most tokens of a row, or of a prompt."""
    room = plan.inference.tokens_to_generate if split is Split.TEST else 0
    return plan.model.max_seq_length - room


def prompt_record(row: Row, task: TaskPlan) -> dict[str, str | list[str]]:
    """What a prompt may see of a row: all but its answer."""
    return {name: value for name, value in row.record.items() if name != task.answer_field}
