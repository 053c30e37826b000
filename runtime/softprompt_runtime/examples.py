"""The rows of a run's data as tokenized examples."""

import os
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from itertools import accumulate, islice, pairwise, starmap
from pathlib import Path
from typing import Any, final, overload

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
from softprompt_plan.split_encoding import record_of, row_encoder, token_limit
from softprompt_plan.tables import TableError
from softprompt_plan.template import Field, Template, parse_template
from softprompt_plan.tokenization import FastTokenizer
from softprompt_plan.vocabulary import Split, TooLongPolicy
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.row_cache import RowSource, open_rows
from softprompt_runtime.row_columns import StoredRow, write_rows
from softprompt_runtime.row_key import row_key
from softprompt_runtime.row_numbers import RowNumbers
from softprompt_runtime.row_table import RowOrigin, RowTable, digest_of_rows
from softprompt_runtime.run import Run
from softprompt_runtime.tables import open_table

__all__ = ["Examples", "RowOrigin", "load_examples"]

_BATCH = 512  # rows handed to the tokenizer at once
_NUM_SHOWN = 5  # faulty rows named in a failure


@final
class Examples(Sequence[Example | Unfit]):
    """The rows of one split, all tasks, in the order of the plan's tasks and of their files.

    Of training and validation data every item is an Example; rows that do not fit are counted in
    `num_skipped`, a number a task. Test data keeps one item for every row of the files, an Unfit
    where the prompt cannot be made to fit. Items are made when asked for: the rows lie in files.
    """

    def __init__(self, split: Split, tables: Mapping[str, RowTable]) -> None:
        """tables: the rows of each task, in order."""
        self.split = split
        self.num_skipped = {task: table.num_skipped for task, table in tables.items()}
        self._tables = list(tables.values())
        self._starts = [0, *accumulate(map(len, self._tables))]
        self._ranges = dict(zip(tables, starmap(range, pairwise(self._starts)), strict=True))

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Example | Unfit: ...
    @overload
    def __getitem__(self, index: slice) -> list[Example | Unfit]: ...
    def __getitem__(self, index: int | slice) -> Example | Unfit | list[Example | Unfit]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        table, row = self._at(index)
        return table.item(row)

    def origin(self, index: int) -> RowOrigin:
        """Where item `index` comes from."""
        table, row = self._at(index)
        return table.origin(row)

    def length(self, index: int) -> int:
        """Tokens of item `index`, virtual ones included; 0 for an Unfit. Builds no Example."""
        table, row = self._at(index)
        return table.length(row)

    def of_tasks(self, tasks: Sequence[str]) -> RowNumbers:
        """Indices of the items of these tasks, in order."""
        return RowNumbers(own for task, own in self._ranges.items() if task in tasks)

    @cached_property
    def digest(self) -> str:
        """sha256 of the token ids, loss masks, tasks and order: what training sees."""
        return digest_of_rows(list(zip(self._ranges, self._tables, strict=True)))

    def _at(self, index: int) -> tuple[RowTable, int]:
        index = range(len(self))[index]  # counts from the end, or raises, as every sequence does
        number = bisect_right(self._starts, index) - 1
        return self._tables[number], index - self._starts[number]


def load_examples(run: Run, tokenizer: Tokenizer, split: Split) -> Examples:
    """Read, check and tokenize the rows of a split, of all tasks.

    Rows that were tokenized before are taken from the user's cache (row_cache.py) where nothing
    that decides about them has changed. Test rows become prompts: without answer and EOS, and with
    room for `tokens_to_generate`.
    Raises RunFailure that names the first faulty rows by file and line: for files and rows that
    cannot be read, and for training or validation rows that do not fit where the task's policy is
    to fail. An empty split is no failure here.
    """

    def tables() -> dict[str, RowTable]:
        return {task.name: _table(run, task, tokenizer, split) for task in run.plan.tasks}

    return Examples(split, run.mesh.main_first(tables))


def _table(run: Run, task: TaskPlan, tokenizer: Tokenizer, split: Split) -> RowTable:
    encoder = _row_encoder(run, task, tokenizer, split)
    files = _files(run, task, split)

    def write(sink: Any) -> None:
        rows = _task_rows(files, encoder, task, split)
        write_rows(sink, rows, keep_unfit=split is Split.TEST)

    def key() -> str | None:
        # A file that cannot be read is a failure when it is read, with its place.
        with suppress(OSError, TableError):
            return _key(run, task, tokenizer, split, files)
        return None

    return open_rows(RowSource(task=task.name, files=files, key=key, write=write))


def _key(
    run: Run, task: TaskPlan, tokenizer: Tokenizer, split: Split, files: Sequence[Path]
) -> str | None:
    """None for a tokenizer that does not say what it is."""
    digest = tokenizer.digest if isinstance(tokenizer, FastTokenizer) else None
    if digest is None:
        return None
    add_bos, limit = run.plan.inference.add_bos, token_limit(run.plan, split)
    return row_key(task, split, files, tokenizer=digest, max_seq_length=limit, add_bos=add_bos)


def _task_rows(
    files: Sequence[Path], encoder: RowEncoder, task: TaskPlan, split: Split
) -> Iterator[StoredRow]:
    fails = split is not Split.TEST and task.data.too_long is TooLongPolicy.ERROR
    too_long: list[str] = []
    for row in _encoded(files, encoder, task, split):
        if fails and isinstance(row.item, Unfit):
            too_long.append(f"{files[row.file]}:{row.line}: {_why(row.item)}")
        else:
            yield row
    help = "Name truncate_fields, raise model.max_seq_length, or set data.too_long: skip."
    _fail_if_any(too_long, task, split, "has rows that cannot be made to fit", help)


def _row_encoder(run: Run, task: TaskPlan, tokenizer: Tokenizer, split: Split) -> RowEncoder:
    try:
        return row_encoder(run.plan, task, split, tokenizer)
    except TemplateError as error:
        raise RunFailure(f"The template of task {task.name!r} cannot be used: {error}") from None
    except SpecialTokenError as error:
        help = "Set inference.add_bos: false." if "BOS" in str(error) else None
        raise RunFailure(f"Task {task.name!r} cannot be tokenized: {error}", help) from None


def _why(unfit: Unfit) -> str:
    cut = "" if unfit.min_tokens == unfit.num_tokens else f", at least {unfit.min_tokens}"
    return f"the row has {unfit.num_tokens} tokens{cut}; {unfit.max_seq_length} are allowed"


def _encoded(
    files: Sequence[Path], encoder: RowEncoder, task: TaskPlan, split: Split
) -> Iterator[StoredRow]:
    rows = _rows(files, task, split)
    numbers = {file: number for number, file in enumerate(files)}
    while batch := list(islice(rows, _BATCH)):
        records = [record_of(row, task, split) for row in batch]
        encoded = encoder.encode_batch(records, for_inference=split is Split.TEST)
        for row, item in zip(batch, encoded, strict=True):
            yield StoredRow(
                item=item,
                file=numbers[row.file],
                line=row.line,
                number=row.number,
                references=_references(row, task, split),
            )


def _references(row: Row, task: TaskPlan, split: Split) -> tuple[str, ...]:
    scored = split is Split.TEST and task.answer_field is not None
    answer = row.record.get(task.answer_field or "") if scored else None
    return (answer,) if isinstance(answer, str) else tuple(answer or ())


def _rows(files: Sequence[Path], task: TaskPlan, split: Split) -> Iterator[Row]:
    """The good rows, then a failure if there was any other."""
    template = parse_template(task.prompt_template)
    is_test, answer = split is Split.TEST, task.answer_field
    answers = [answer] if is_test and answer is not None else []
    faults: list[str] = []
    for item in read_rows(
        files,
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
