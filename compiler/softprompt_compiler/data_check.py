"""Reads every row of a spec's data and measures it as training will see it.

Nothing is kept but counts, digests and packed faults: a few bytes a row. So data may be larger than
memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.data_diagnostics import (
    init_diagnostics,
    init_reports,
    label_diagnostics,
    run_diagnostics,
    split_diagnostics,
)
from softprompt_compiler.data_faults import row_fault_finding, unfit_finding
from softprompt_compiler.data_ids import id_findings, init_id_diagnostics, num_embeddings
from softprompt_compiler.data_report import DataReport, LimitReport, SplitReport
from softprompt_compiler.data_tokenizer import load_tokenizer
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.finding_log import FindingLog
from softprompt_compiler.lengths import Lengths
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.split_rows import files_of, rows_of
from softprompt_compiler.split_tally import SplitTally, has_labels
from softprompt_compiler.world import World
from softprompt_plan.example import RowEncoder, Tokenizer
from softprompt_plan.mixing import visits_per_epoch
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.rows import Row
from softprompt_plan.run_length import steps_of_run
from softprompt_plan.split_encoding import record_of, row_encoder
from softprompt_plan.vocabulary import Split, TooLongPolicy

_BATCH = 512  # rows handed to the tokenizer at once


def check_data(plan: Plan, resolved: ResolvedSpec, world: World) -> DataReport:
    """What the rows of a spec without faults are like. Raises nothing for what files hold."""
    tokenizer, found = load_tokenizer(resolved, world)
    limit = None if tokenizer is None else num_embeddings(resolved, world)
    log = FindingLog(world)
    splits: list[SplitReport] = []
    num_trained = 0
    for task in plan.tasks:
        in_task = list(_read_task(plan, task, resolved, tokenizer, limit, log))
        splits += in_task
        train = next((each for each in in_task if each.split is Split.TRAIN), None)
        for split in in_task:
            found += _no_rows(resolved, split, log)
            found += split_diagnostics(resolved, task, split, train)
        if train is not None and not _is_kept(resolved, task):
            num_trained += visits_per_epoch(train.num_usable, task.weight)
    num_steps = steps_of_run(plan.training, num_trained)
    found += run_diagnostics(plan, resolved, num_steps)
    found += label_diagnostics(plan, resolved, splits)
    inits = () if tokenizer is None else init_reports(plan, tokenizer)
    found += init_diagnostics(resolved, inits)
    if tokenizer is not None and limit is not None:
        found += init_id_diagnostics(plan, resolved, tokenizer, limit)
    report = DataReport(
        splits=tuple(splits),
        num_steps=num_steps,
        inits=inits,
        limit=_limit(plan, resolved, splits),
        diagnostics=(*log.shown(), *found),
        findings=log,
    )
    if plan.parallelism.gpu is None:
        return report
    from softprompt_compiler.forecast.diagnostics import memory_diagnostics

    beside = memory_diagnostics(plan, resolved, report)
    return replace(report, diagnostics=(*report.diagnostics, *beside))


def _read_task(
    plan: Plan,
    task: TaskPlan,
    resolved: ResolvedSpec,
    tokenizer: Tokenizer | None,
    limit: int | None,
    log: FindingLog,
) -> Iterator[SplitReport]:
    """limit: the number of embeddings, where an id may be beyond it."""
    train: SplitTally | None = None
    for split in Split:  # the train data first: the others are compared with it
        files = files_of(resolved, task, split)
        if files is None:
            continue
        encoder = None if tokenizer is None else row_encoder(plan, task, split, tokenizer)
        parts = None if encoder is None else encoder.parts(split is Split.TEST)
        tally = SplitTally(task, split, has_labels=has_labels(plan, task), train=train, parts=parts)
        _read_split(task, split, files, encoder, tally, limit, log)
        train = tally if split is Split.TRAIN else train
        yield tally.report()


def _read_split(
    task: TaskPlan,
    split: Split,
    files: Sequence[Path],
    encoder: RowEncoder | None,
    tally: SplitTally,
    limit: int | None,
    log: FindingLog,
) -> None:
    rows = _good_rows(task, split, files, tally, log)
    while batch := list(islice(rows, _BATCH)):
        for row in batch:
            tally.add_row(row)
        if encoder is not None:
            _measure(task, split, encoder, batch, tally, log)
            if limit is not None:
                for finding in id_findings(task, split, encoder, batch, limit):
                    log.add(task.name, split, finding)


def _good_rows(
    task: TaskPlan, split: Split, files: Sequence[Path], tally: SplitTally, log: FindingLog
) -> Iterator[Row]:
    for item in rows_of(task, split, files):
        if isinstance(item, Row):
            yield item
        else:
            tally.add_fault(item)
            log.add(task.name, split, row_fault_finding(item))


def _measure(
    task: TaskPlan,
    split: Split,
    encoder: RowEncoder,
    batch: Sequence[Row],
    tally: SplitTally,
    log: FindingLog,
) -> None:
    is_test = split is Split.TEST
    records = [record_of(row, task, split) for row in batch]
    measured = encoder.measure_batch(records, for_inference=is_test)
    for row, lengths in zip(batch, measured, strict=True):
        tally.add_lengths(lengths)
        unfit = lengths.unfit
        if unfit is not None and (is_test or task.data.too_long is TooLongPolicy.ERROR):
            log.add(task.name, split, unfit_finding(row, unfit, split))


def _no_rows(resolved: ResolvedSpec, split: SplitReport, log: FindingLog) -> Iterator[Diagnostic]:
    """That there is nothing to use, where no fault of a row has said why."""
    if split.num_usable == 0 and not log.has_any(split.task, split.split):
        place = resolved.place("tasks", split.task, "data", split.split.value)
        left = " that fit" if split.num_rows else ""
        yield rules.NO_ROWS.at(place, split=split.split.value, task=split.task, left=left)


def _limit(plan: Plan, resolved: ResolvedSpec, splits: Sequence[SplitReport]) -> LimitReport | None:
    found = [(split.split, split.tokens.whole) for split in splits if split.tokens is not None]
    read = Lengths.joined((whole, 0) for split, whole in found if split is not Split.TEST)
    room = plan.inference.tokens_to_generate
    asked = Lengths.joined((whole, room) for split, whole in found if split is Split.TEST)
    needed = Lengths.joined([(read, 0), (asked, 0)])
    if not needed.num_rows:
        return None
    limit, facts = plan.model.max_seq_length, resolved.model.facts
    return LimitReport(
        num_rows=needed.num_rows,
        limit=limit,
        for_all=needed.longest,
        for_99_percent=needed.percentile(99),
        num_too_long=sum(rows for length, rows in needed.counts.items() if length > limit),
        num_generated=room if asked.longest > read.longest else 0,
        max_positions=None if facts is None else facts.max_positions,
    )


def _is_kept(resolved: ResolvedSpec, task: TaskPlan) -> bool:
    restored = resolved.soft_prompts.get("restore_path")
    return restored is not None and task.name in restored.tasks
