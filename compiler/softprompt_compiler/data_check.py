"""Reads every row of a spec's data and encodes it as training will, to say what is wrong with it.

Nothing is kept but counts, faults and, of training rows, a few bytes each; so data may be larger
than memory.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.data_faults import (
    RowFinding,
    diagnose_rows,
    row_fault_finding,
    unfit_finding,
)
from softprompt_compiler.data_report import DataReport, SplitSummary
from softprompt_compiler.data_tokenizer import load_tokenizer
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.split_rows import files_of, prompt_record, row_encoder, rows_of
from softprompt_compiler.world import World
from softprompt_plan.example import RowEncoder, Tokenizer, Unfit
from softprompt_plan.mixing import visits_per_epoch
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.rows import Row, RowFault
from softprompt_plan.vocabulary import InitMethod, Split, TooLongPolicy

_BATCH = 512  # rows handed to the tokenizer at once
_MOST_FINDINGS = 1000  # of one split; the rest is counted


@dataclass(kw_only=True)
class _Tally:
    """What has been seen of one split of a task."""

    num_rows: int = 0
    num_faulty: int = 0
    num_too_long: int = 0
    num_empty_answers: int = 0
    num_without_answer: int = 0  # of test rows
    num_seen_in_training: int = 0
    longest: int = 0
    num_cut: Counter[str] = field(default_factory=Counter[str])
    findings: list[RowFinding] = field(default_factory=list[RowFinding])
    num_more_findings: int = 0

    @property
    def num_usable(self) -> int:
        return self.num_rows - self.num_faulty - self.num_too_long

    def add(self, finding: RowFinding) -> None:
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append(finding)
        else:
            self.num_more_findings += 1


def check_data(plan: Plan, resolved: ResolvedSpec, world: World) -> DataReport:
    """What the rows of a spec without faults are like. Raises nothing for what files hold."""
    tokenizer, found = load_tokenizer(resolved, world)
    summaries: list[SplitSummary] = []
    num_trained = 0
    for task in plan.tasks:
        train_rows: dict[bytes, Path] = {}
        for split in Split:
            files = files_of(resolved, task, split)
            if files is None:
                continue
            tally = _read_split(plan, task, split, files, tokenizer, train_rows)
            summaries.append(_summary(task, split, tally, tokenizer))
            found += diagnose_rows(tally.findings, world, num_more=tally.num_more_findings)
            found += _split_diagnostics(resolved, task, split, tally)
            if split is Split.TRAIN and not _is_kept(resolved, task):
                num_trained += visits_per_epoch(tally.num_usable, task.weight)
    num_steps = _num_steps(plan, num_trained)
    found += _run_diagnostics(plan, resolved, num_steps)
    if tokenizer is not None:
        found += _init_diagnostics(plan, resolved, tokenizer)
    return DataReport(summaries=tuple(summaries), num_steps=num_steps, diagnostics=tuple(found))


def _read_split(
    plan: Plan,
    task: TaskPlan,
    split: Split,
    files: Sequence[Path],
    tokenizer: Tokenizer | None,
    train_rows: dict[bytes, Path],
) -> _Tally:
    tally = _Tally()
    encoder = None if tokenizer is None else row_encoder(plan, task, split, tokenizer)
    rows = _good_rows(rows_of(task, split, files), tally)
    while batch := list(islice(rows, _BATCH)):
        for row in batch:
            _look_at(row, task, split, tally, train_rows)
        if encoder is not None:
            _encode(encoder, batch, task, split, tally)
    return tally


def _good_rows(items: Iterator[Row | RowFault], tally: _Tally) -> Iterator[Row]:
    faulty: set[tuple[Path, int]] = set()
    for item in items:
        if isinstance(item, Row):
            tally.num_rows += 1
            yield item
            continue
        tally.add(row_fault_finding(item))
        if item.row is not None and (item.file, item.row) not in faulty:
            faulty = {(item.file, item.row)}  # the faults of one row follow one another
            tally.num_rows += 1
            tally.num_faulty += 1


def _look_at(
    row: Row, task: TaskPlan, split: Split, tally: _Tally, train_rows: dict[bytes, Path]
) -> None:
    """Counts rows that are well-formed and yet may be wrong."""
    if task.answer_field is not None and row.record.get(task.answer_field) == "":
        tally.num_empty_answers += 1
    if task.answer_field is not None and task.answer_field not in row.record:
        tally.num_without_answer += 1
    names = sorted(name for name in row.record if name != task.answer_field)
    text = "\0".join(f"{name}\0{row.record[name]}" for name in names)
    identity = blake2b(text.encode(), digest_size=8).digest()
    if split is Split.TRAIN:
        train_rows[identity] = row.file
    elif train_rows.get(identity, row.file) != row.file:  # one file in two splits: SP0223 says it
        tally.num_seen_in_training += 1


def _encode(
    encoder: RowEncoder, batch: Sequence[Row], task: TaskPlan, split: Split, tally: _Tally
) -> None:
    is_test = split is Split.TEST
    records = [prompt_record(row, task) if is_test else row.record for row in batch]
    for row, item in zip(batch, encoder.encode_batch(records, for_inference=is_test), strict=True):
        if isinstance(item, Unfit):
            tally.num_too_long += 1
            if is_test or task.data.too_long is TooLongPolicy.ERROR:
                tally.add(unfit_finding(row, item, split))
            continue
        tally.longest = max(tally.longest, len(item.input_ids))
        tally.num_cut.update(name for name, _ in item.cut)


def _summary(
    task: TaskPlan, split: Split, tally: _Tally, tokenizer: Tokenizer | None
) -> SplitSummary:
    return SplitSummary(
        task=task.name,
        split=split,
        num_rows=tally.num_rows,
        num_faulty=tally.num_faulty,
        num_too_long=tally.num_too_long,
        longest=None if tokenizer is None else tally.longest,
        num_cut={name: tally.num_cut[name] for name in task.truncate_fields if tally.num_cut[name]},
    )


def _split_diagnostics(
    resolved: ResolvedSpec, task: TaskPlan, split: Split, tally: _Tally
) -> Iterator[Diagnostic]:
    place = resolved.place("tasks", task.name, "data", split.value)
    if tally.num_usable == 0 and not tally.findings:
        left = " that fit" if tally.num_rows else ""
        yield rules.NO_ROWS.at(place, split=split.value, task=task.name, left=left)
    if tally.num_empty_answers:
        hint = "the model learns to answer nothing; leave such rows out"
        count, rows = tally.num_empty_answers, tally.num_rows
        yield rules.EMPTY_ANSWERS.at(place, count=count, rows=rows, split=split.value, help=hint)
    if tally.num_without_answer and task.metrics:
        field, count = task.answer_field, tally.num_without_answer
        hint = "add the answers, or leave `metrics` out"
        yield rules.TEST_WITHOUT_ANSWERS.at(
            place, count=count, rows=tally.num_rows, field=field, help=hint
        )
    if tally.num_seen_in_training:
        hint = "scores on rows that were trained on say little; keep the splits apart"
        count, rows = tally.num_seen_in_training, tally.num_rows
        yield rules.ROWS_IN_TWO_SPLITS.at(
            place, count=count, rows=rows, split=split.value, help=hint
        )


def _is_kept(resolved: ResolvedSpec, task: TaskPlan) -> bool:
    restored = resolved.soft_prompts.get("restore_path")
    return restored is not None and task.name in restored.tasks


def _num_steps(plan: Plan, num_rows: int) -> int:
    """Of the whole run, `num_rows` being those of an epoch."""
    training = plan.training
    if training.max_steps is not None or not num_rows:
        return training.max_steps or 0
    return (training.max_epochs or 0) * math.ceil(num_rows / training.global_batch_size)


def _run_diagnostics(plan: Plan, resolved: ResolvedSpec, num_steps: int) -> Iterator[Diagnostic]:
    warmup = plan.training.optim.sched.warmup_steps
    if 0 < num_steps <= warmup:
        yield rules.WARMUP_EXCEEDS_RUN.at(
            resolved.place("training", "optim", "sched", "warmup_steps"),
            warmup=warmup,
            steps=num_steps,
            help=f"write `warmup_steps: {num_steps // 10}`, or train longer",
        )


def _init_diagnostics(
    plan: Plan, resolved: ResolvedSpec, tokenizer: Tokenizer
) -> Iterator[Diagnostic]:
    init = plan.prompt_learning.init
    if init.method is InitMethod.TEXT:
        given, key = len(tokenizer.encode_batch([init.text or ""])[0].ids), "text"
    elif init.method is InitMethod.CLASS_LABELS:
        given, key = len(init.labels), "labels"
    else:
        return
    place = resolved.place("prompt_learning", "init", key)
    for task in plan.tasks:
        used = task.num_virtual_tokens
        if given > used:
            things = "tokens" if key == "text" else "labels"
            hint = f"give {used} {things} or fewer"
            yield rules.INIT_CUT.at(
                place, used=used, given=given, things=things, task=task.name, help=hint
            )
