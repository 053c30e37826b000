"""For GitHub Actions: an annotation for each failed check, and a table for the job's summary."""

from collections.abc import Sequence

from softprompt_compiler.render.display import safe
from softprompt_compiler.render.github import workflow_command
from softprompt_compiler.render.markdown import cell
from softprompt_compiler.source import SourceKind
from softprompt_compiler.spec_test.check import CheckResult
from softprompt_plan.vocabulary import CheckStatus

_SIGNS = {CheckStatus.PASSED: "\u2705", CheckStatus.FAILED: "\u274c", CheckStatus.SKIPPED: "\u2796"}


def render(spec: str, results: Sequence[CheckResult]) -> str:
    """One command a failed check, each on its line; "" if none failed."""
    failed = [result for result in results if result.status is CheckStatus.FAILED]
    return "".join(_annotation(spec, result) + "\n" for result in failed)


def _annotation(spec: str, result: CheckResult) -> str:
    properties: dict[str, object] = {"file": spec, "line": 1}
    if result.place is not None and result.place.source.kind is not SourceKind.SETTING:
        properties = {"file": result.place.source.name, "line": result.place.line}
    properties["title"] = f"spec test: {result.statement}"
    lines = (result.detail, *result.evidence)
    return workflow_command("error", properties, "\n".join(map(safe, lines)))


def summary(spec: str, results: Sequence[CheckResult], seconds: float) -> str:
    """GitHub's Markdown: a table of all checks."""
    rows = [
        f"| {_SIGNS[each.status]} | {each.name} | {each.statement} | {each.seconds:.1f} s | "
        f"{cell(each.detail)} |"
        for each in results
    ]
    head = [f"### spec test {cell(spec)}", "", "| | check | | time | |", "|---|---|---|---:|---|"]
    return "\n".join([*head, *rows, "", f"{seconds:.1f} s in all", ""]) + "\n"
