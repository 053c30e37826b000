"""What the rows of a spec are like, for tools. docs/diagnostics.md describes it."""

from typing import Any

from softprompt_compiler.data_report import DataReport, LimitReport, SplitReport, TokenReport
from softprompt_compiler.lengths import Lengths


def data_object(report: DataReport) -> dict[str, Any]:
    """The report as JSON values."""
    return {
        "num_steps": report.num_steps,
        "max_seq_length": None if report.limit is None else _limit(report.limit),
        "init": [
            {"task": init.task, "key": init.key, "given": init.given, "wanted": init.wanted}
            for init in report.inits
        ],
        "splits": [_split(split) for split in report.splits],
    }


def _limit(limit: LimitReport) -> dict[str, int | None]:
    return {
        "given": limit.limit,
        "cuts_nothing": limit.for_all,
        "cuts_one_percent": limit.for_99_percent,
        "num_rows": limit.num_rows,
        "num_rows_too_long": limit.num_too_long,
        "max_positions": limit.max_positions,
    }


def _split(split: SplitReport) -> dict[str, Any]:
    labels = split.labels
    return {
        "task": split.task,
        "split": split.split.value,
        "num_rows": split.num_rows,
        "num_faulty": split.num_faulty,
        "missing_fields": dict(split.missing),
        "extra_columns": dict(split.extra.counts),
        "num_other_extra": split.extra.num_others,
        "num_empty_answers": split.num_empty_answers,
        "num_without_answer": split.num_without_answer,
        "num_repeated": split.num_repeated,
        "num_contrary": split.num_contrary,
        "num_in_train": split.num_trained,
        "labels": None if labels is None else dict(labels.counts),
        "num_other_labels": 0 if labels is None else labels.num_others,
        "tokens": None if split.tokens is None else _tokens(split.tokens),
    }


def _tokens(tokens: TokenReport) -> dict[str, Any]:
    return {
        "whole_row": _lengths(tokens.whole),
        "parts": [
            {"part": part.kind.value, "field": part.field, **_lengths(lengths)}
            for part, lengths in tokens.parts.items()
        ],
        "num_cut": tokens.num_cut,
        "cut": {
            field: {"num_rows": lost.num_rows, "mean": round(lost.mean, 3), "max": lost.longest}
            for field, lost in tokens.cut.items()
        },
        "num_unfit": tokens.num_unfit,
    }


def _lengths(lengths: Lengths) -> dict[str, int | float]:
    return {
        "mean": round(lengths.mean, 3),
        "median": lengths.percentile(50),
        "p95": lengths.percentile(95),
        "max": lengths.longest,
    }
