"""What the rows of a spec are like."""

from collections.abc import Mapping
from dataclasses import dataclass

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_plan.vocabulary import Split


@dataclass(frozen=True, kw_only=True)
class SplitSummary:
    """The rows of one split of a task.

    num_rows: all rows. num_faulty: those that cannot be read or lack a field. num_too_long: those
    that cannot be cut to fit. longest: tokens of the longest row that fits, as it is trained on or
    completed; None where the tokenizer is not here. num_cut: rows that lose tokens, by field.
    """

    task: str
    split: Split
    num_rows: int
    num_faulty: int
    num_too_long: int
    longest: int | None
    num_cut: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """All rows of a spec. num_steps: optimizer steps of the whole run, by the plan."""

    summaries: tuple[SplitSummary, ...]
    num_steps: int
    diagnostics: tuple[Diagnostic, ...]


def summary_lines(report: DataReport) -> list[str]:
    """A line for people about each split, and one about the run."""
    lines = [_line(summary) for summary in report.summaries]
    return [*lines, f"{report.num_steps:,} optimizer steps"]


def _line(summary: SplitSummary) -> str:
    parts = [f"{summary.task} {summary.split.value}: {summary.num_rows:,} rows"]
    if summary.longest is not None:
        parts.append(f"longest {summary.longest:,} tokens")
    parts += [f"{count:,} cut in {field}" for field, count in summary.num_cut.items()]
    if summary.num_too_long:
        parts.append(f"{summary.num_too_long:,} too long")
    if summary.num_faulty:
        parts.append(f"{summary.num_faulty:,} at fault")
    return ", ".join(parts)
