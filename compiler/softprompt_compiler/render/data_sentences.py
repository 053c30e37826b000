"""What tables of rows do not say, in sentences for people."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from softprompt_compiler.data_report import (
    DataReport,
    InitReport,
    LimitReport,
    SplitReport,
    TokenReport,
)
from softprompt_compiler.lengths import Lengths

_MOST_NAMES = 6


def sentences(report: DataReport) -> Iterator[str]:
    """One a line: columns without use, rows and `max_seq_length`, first values, steps."""
    for task, splits in groupby(report.splits, key=lambda split: split.task):
        yield from _unused(task, list(splits))
    if report.limit is not None:
        yield from _limit(report.limit, report.splits)
    yield from _repeated(report.inits)
    yield f"{report.num_steps:,} optimizer step{'' if report.num_steps == 1 else 's'}"


def _unused(task: str, splits: list[SplitReport]) -> Iterator[str]:
    names = list(dict.fromkeys(name for split in splits for name in split.extra.counts))
    if names:
        shown = ", ".join(f"`{name:.40}`" for name in names[:_MOST_NAMES])
        more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
        columns = "column" if len(names) == 1 else "columns"
        yield f"task `{task}` does not use the {columns} {shown}{more} of its rows"


def _repeated(inits: Sequence[InitReport]) -> Iterator[str]:
    """Words that are too few; that they are too many is a warning."""
    for init in inits:
        if 0 < init.given < init.wanted:
            thing = ("token" if init.key == "text" else "label") + "s" * (init.given > 1)
            yield (
                f"task `{init.task}`: the {init.given} {thing} of `init.{init.key}` are repeated "
                f"to start {init.wanted} virtual tokens"
            )


def _limit(limit: LimitReport, splits: Sequence[SplitReport]) -> Iterator[str]:
    room = f", {limit.num_generated} of them to generate" if limit.num_generated else ""
    if not limit.num_too_long:
        yield (
            f"every row fits whole: the longest takes {limit.for_all:,} of "
            f"`max_seq_length: {limit.limit}`{room}"
        )
        return
    enough = f"`max_seq_length: {limit.for_all}`{room}"
    yield f"every row fits whole with {enough}; yours is {limit.limit}"
    if limit.max_positions is not None and limit.for_all > limit.max_positions:
        yield f"the model has no more than {limit.max_positions:,} positions"
    for task, in_task in groupby(splits, key=lambda split: split.task):
        tokens = [split.tokens for split in in_task if split.tokens is not None]
        yield from _cut(task, tokens)
    if limit.limit < limit.for_99_percent < limit.for_all:
        yield f"with `max_seq_length: {limit.for_99_percent}` at most 1 % of all rows are too long"


def _cut(task: str, splits: Sequence[TokenReport]) -> Iterator[str]:
    """The rows of a task that are too long."""
    num_rows = sum(split.whole.num_rows for split in splits)
    for field in dict.fromkeys(field for split in splits for field in split.cut):
        lost = Lengths.joined((split.cut[field], 0) for split in splits if field in split.cut)
        share = f"{lost.num_rows:,} of {num_rows:,} rows ({_percent(lost.num_rows, num_rows)})"
        yield (
            f"`{task}`: {share} lose at most {lost.longest:,} tokens of {{{field}}}, "
            f"{lost.mean:,.1f} on average"
        )
    if num_unfit := sum(split.num_unfit for split in splits):
        share = f"{num_unfit:,} of {num_rows:,} rows ({_percent(num_unfit, num_rows)})"
        yield f"`{task}`: {share} cannot be cut to fit"


def _percent(count: int, total: int) -> str:
    """Not 0 % of what there is, nor 100 % of what is not all."""
    share = min(max(round(1000 * count / total), 1), 999 if count < total else 1000)
    return f"{share / 10:.1f} %"
