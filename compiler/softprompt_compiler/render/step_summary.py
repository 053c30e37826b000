"""For GitHub Actions: what was found, as Markdown for the summary of a job's step."""

import re
from collections.abc import Sequence

from softprompt_compiler.diagnostic import Severity
from softprompt_compiler.render import human
from softprompt_compiler.render.markdown import cell
from softprompt_compiler.render.report import Report

_LONGEST = 200_000  # characters; GitHub takes 1 MiB a step


def render(reports: Sequence[Report], *, strict: bool) -> str:
    """A table of the specs, and below it what was found in each, as on a terminal."""
    head = ["### spec", "", "| | spec | errors | warnings | notes |", "|---|---|---:|---:|---:|"]
    return "\n".join([*head, *(_row(each, strict=strict) for each in reports), "", *_told(reports)])


def _row(report: Report, *, strict: bool) -> str:
    sign = "\u274c" if report.fails(strict=strict) else "\u2705"
    counts = " | ".join(f"{report.count(severity):,}" for severity in Severity)
    return f"| {sign} | {cell(report.spec)} | {counts} |"


def _told(reports: Sequence[Report]) -> list[str]:
    text = "\n".join(human.render(report, human.Style()) for report in reports).strip("\n")
    if not text:
        return [""]
    if len(text) > _LONGEST:
        text = text[:_LONGEST].rpartition("\n")[0] + "\n... and more, cut here"
    # A fence that nothing inside can close.
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", text, fence, "", ""]
