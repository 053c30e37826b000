"""A few of the user's own rows, for the checks that need some."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.split_rows import files_of, rows_of
from softprompt_plan.example import Example, Tokenizer
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.rows import Row
from softprompt_plan.split_encoding import record_of, row_encoder
from softprompt_plan.template import parse_template
from softprompt_plan.vocabulary import Split

_MOST_READ = 2000  # rows of a split
_MOST_KEPT = 64

Record = Mapping[str, str | list[str]]


@dataclass(frozen=True, kw_only=True)
class TaskSample:
    """Rows of one task, by split, in the order of the files. Test rows may lack an answer."""

    task: TaskPlan
    rows: Mapping[Split, Sequence[Record]]

    @property
    def records(self) -> list[dict[str, str]]:
        """All rows with a text for every field of the template, the shortest first."""
        fields = parse_template(self.task.prompt_template).fields
        found = [
            {field: _first(record.get(field, "")) for field in fields}
            for records in self.rows.values()
            for record in records
        ]
        return sorted(found, key=lambda record: sum(map(len, record.values())))


def sample_rows(
    plan: Plan, resolved: ResolvedSpec, tokenizer: Tokenizer | None, seed: int
) -> list[TaskSample]:
    """The longest and some others of each split's first rows, of those that can be made to fit.

    tokenizer: None where it is not here; then the fit of rows is not known.
    """
    draw = random.Random(seed)  # noqa: S311 no secret
    return [
        TaskSample(task=task, rows=dict(_splits(plan, task, resolved, tokenizer, draw)))
        for task in plan.tasks
    ]


def _splits(
    plan: Plan,
    task: TaskPlan,
    resolved: ResolvedSpec,
    tokenizer: Tokenizer | None,
    draw: random.Random,
) -> Iterator[tuple[Split, list[Record]]]:
    for split in Split:
        files = files_of(resolved, task, split)
        if files is None:
            continue
        items = islice(rows_of(task, split, files), _MOST_READ)
        rows = _kept([item for item in items if isinstance(item, Row)], draw)
        if tokenizer is not None and rows:
            encoder = row_encoder(plan, task, split, tokenizer)
            records = [record_of(row, task, split) for row in rows]
            encoded = encoder.encode_batch(records, for_inference=split is Split.TEST)
            pairs = zip(rows, encoded, strict=True)
            rows = [row for row, item in pairs if isinstance(item, Example)]
        yield split, [row.record for row in rows]


def _kept(rows: list[Row], draw: random.Random) -> list[Row]:
    if len(rows) <= _MOST_KEPT:
        return rows
    longest = max(range(len(rows)), key=lambda at: sum(map(len, rows[at].record.values())))
    return [rows[at] for at in sorted({longest, *draw.sample(range(len(rows)), _MOST_KEPT - 1)})]


def _first(value: str | list[str]) -> str:
    return value if isinstance(value, str) else next(iter(value), "")
