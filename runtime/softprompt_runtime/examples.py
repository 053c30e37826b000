"""The rows of a run's data as tokenized examples, in memory."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import final, overload

from softprompt_plan.example import (
    Example,
    RowEncoder,
    SpecialTokenError,
    TemplateError,
    Tokenizer,
    Unfit,
)
from softprompt_plan.paths import UnsetVariableError, resolve_files
from softprompt_plan.plan import TaskPlan
from softprompt_plan.row_limit import row_limit
from softprompt_plan.rows import Row, RowFault, read_rows
from softprompt_plan.template import Field, Template, parse_template
from softprompt_plan.vocabulary import Split, TooLongPolicy
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.row_store import RowStore
from softprompt_runtime.run import Run
from softprompt_runtime.tables import open_table

_BATCH = 512  # rows handed to the tokenizer at once
_NUM_SHOWN = 5  # faulty rows named in a failure


@final
@dataclass(frozen=True, kw_only=True)
class RowOrigin:
    """Where an example comes from. `id` is unique among the split's rows.

    line: 1-based; of a file that has no lines, the row's number. file: for a split of a data set,
    the text that names it.
    references: answers of a test row in the data; empty where it has none.
    """

    task: str
    id: str  # TASK:N, the N-th row of the task's files from 0, those not taken counted
    file: Path
    line: int
    references: tuple[str, ...]


@final
class Examples(Sequence[Example | Unfit]):
    """The rows of one split, all tasks, in the order of the plan's tasks and of their files.

    Of training and validation data every item is an Example; rows that do not fit are counted in
    `num_skipped`, a number a task. Test data keeps one item for every row of the files, an Unfit
    where the prompt cannot be made to fit.
    """

    def __init__(
        self,
        split: Split,
        items: Iterator[tuple[RowOrigin, Example | Unfit]],
        tasks: Sequence[str],
    ) -> None:
        self.split = split
        self.num_skipped = dict.fromkeys(tasks, 0)
        self._store = RowStore(tasks)
        self._numbers: list[int | Unfit] = []  # into the store
        self._origins: list[RowOrigin] = []
        for origin, item in items:
            self._add(origin, item)

    def _add(self, origin: RowOrigin, item: Example | Unfit) -> None:
        if isinstance(item, Unfit) and self.split is not Split.TEST:
            self.num_skipped[origin.task] += 1
            return
        self._numbers.append(item if isinstance(item, Unfit) else self._store.append(item))
        self._origins.append(origin)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, index: int) -> Example | Unfit: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example | Unfit]: ...
    def __getitem__(self, index: int | slice) -> Example | Unfit | list[Example | Unfit]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        number = self._numbers[index]
        return number if isinstance(number, Unfit) else self._store[number]

    def origin(self, index: int) -> RowOrigin:
        """Where item `index` comes from."""
        return self._origins[index]

    def length(self, index: int) -> int:
        """Tokens of item `index`, virtual ones included; 0 for an Unfit. Builds no Example."""
        number = self._numbers[index]
        return 0 if isinstance(number, Unfit) else self._store.length(number)

    def of_tasks(self, tasks: Sequence[str]) -> list[int]:
        """Indices of the items of these tasks, in order."""
        return [at for at, origin in enumerate(self._origins) if origin.task in tasks]

    @cached_property
    def digest(self) -> str:
        """sha256 of the token ids, loss masks, tasks and order: what training sees."""
        return self._store.digest()


def load_examples(run: Run, tokenizer: Tokenizer, split: Split) -> Examples:
    """Read, check and tokenize the rows of a split, of all tasks.

    Test rows become prompts: without answer and EOS, and with room for `tokens_to_generate`.
    Raises RunFailure that names the first faulty rows by file and line: for files and rows that
    cannot be read, and for training or validation rows that do not fit where the task's policy is
    to fail. An empty split is no failure here.
    """
    tasks = run.plan.tasks
    items = (item for task in tasks for item in _task_items(run, task, tokenizer, split))
    return Examples(split, items, [task.name for task in tasks])


def _task_items(
    run: Run, task: TaskPlan, tokenizer: Tokenizer, split: Split
) -> Iterator[tuple[RowOrigin, Example | Unfit]]:
    encoder = _row_encoder(run, task, tokenizer, split)
    fails = split is not Split.TEST and task.data.too_long is TooLongPolicy.ERROR
    too_long: list[str] = []
    for origin, item in _encoded(_rows(run, task, split), encoder, task, split):
        if fails and isinstance(item, Unfit):
            too_long.append(f"{origin.file}:{origin.line}: {_why(item)}")
        else:
            yield origin, item
    help = "Name truncate_fields, raise model.max_seq_length, or set data.too_long: skip."
    _fail_if_any(too_long, task, split, "has rows that cannot be made to fit", help)


def _row_encoder(run: Run, task: TaskPlan, tokenizer: Tokenizer, split: Split) -> RowEncoder:
    plan = run.plan
    room = plan.inference.tokens_to_generate if split is Split.TEST else 0
    limit = plan.model.max_seq_length - room
    try:
        return RowEncoder(task, tokenizer, limit, plan.inference.add_bos)
    except TemplateError as error:
        raise RunFailure(f"The template of task {task.name!r} cannot be used: {error}") from None
    except SpecialTokenError as error:
        help = "Set inference.add_bos: false." if "BOS" in str(error) else None
        raise RunFailure(f"Task {task.name!r} cannot be tokenized: {error}", help) from None


def _why(unfit: Unfit) -> str:
    cut = "" if unfit.min_tokens == unfit.num_tokens else f", at least {unfit.min_tokens}"
    return f"the row has {unfit.num_tokens} tokens{cut}; {unfit.max_seq_length} are allowed"


def _encoded(
    rows: Iterator[Row], encoder: RowEncoder, task: TaskPlan, split: Split
) -> Iterator[tuple[RowOrigin, Example | Unfit]]:
    while batch := list(islice(rows, _BATCH)):
        records = [_record(row, task, split) for row in batch]
        encoded = encoder.encode_batch(records, for_inference=split is Split.TEST)
        for row, item in zip(batch, encoded, strict=True):
            yield _origin(row, task, split), item


def _record(row: Row, task: TaskPlan, split: Split) -> dict[str, str]:
    """The texts that go into the template."""
    hidden = task.answer_field if split is Split.TEST else None
    return {name: str(value) for name, value in row.record.items() if name != hidden}


def _origin(row: Row, task: TaskPlan, split: Split) -> RowOrigin:
    scored = split is Split.TEST and task.answer_field is not None
    answer = row.record.get(task.answer_field or "") if scored else None
    references = (answer,) if isinstance(answer, str) else tuple(answer or ())
    return RowOrigin(
        task=task.name,
        id=f"{task.name}:{row.number}",
        file=row.file,
        line=row.line,
        references=references,
    )


def _rows(run: Run, task: TaskPlan, split: Split) -> Iterator[Row]:
    """The good rows, then a failure if there was any other."""
    template = parse_template(task.prompt_template)
    is_test, answer = split is Split.TEST, task.answer_field
    answers = [answer] if is_test and answer is not None else []
    faults: list[str] = []
    for item in read_rows(
        _files(run, task, split),
        task=task.name,
        needed=_fields_before(template, answer) if is_test else template.fields,
        optional=answers,
        list_allowed=answers,
        fields=dict(task.data.fields),
        limit=row_limit(task.data, split),
        open_table=open_table,
    ):
        if isinstance(item, RowFault):
            faults.append(f"{item.file}:{item.line}: {item.detail}")
        else:
            yield item
    _fail_if_any(faults, task, split, "cannot be used", None)


def _fields_before(template: Template, answer: str | None) -> list[str]:
    """The fields that a prompt is filled with: it ends where the answer begins."""
    names: list[str] = []
    for segment in template.segments:
        if isinstance(segment, Field):
            if segment.name == answer:
                break
            names.append(segment.name)
    return names


def _files(run: Run, task: TaskPlan, split: Split) -> list[Path]:
    data = task.data
    paths = {Split.TRAIN: data.train, Split.VALIDATION: data.validation, Split.TEST: data.test}
    files: list[Path] = []
    for path in paths[split]:
        try:
            found = resolve_files(path, run.spec_folder, os.environ)
        except UnsetVariableError as error:
            raise RunFailure(
                f"The {split} data of task {task.name!r} is {path!r}, but {error}",
                f"Set it: export {error.name}=...",
            ) from None
        if not found:
            raise RunFailure(f"No file matches {path!r}, the {split} data of task {task.name!r}")
        files += found
    return files


def _fail_if_any(
    faults: list[str], task: TaskPlan, split: Split, what: str, help: str | None
) -> None:
    if not faults:
        return
    shown = "".join(f"\n  {fault}" for fault in faults[:_NUM_SHOWN])
    rest = len(faults) - _NUM_SHOWN
    more = f"\n  and {rest} more" if rest > 0 else ""
    raise RunFailure(f"The {split} data of task {task.name!r} {what}:{shown}{more}", help)
