"""For people: the checks of `spec test`, a line each as they end, and a closing line."""

from collections.abc import Iterator, Sequence

from softprompt_compiler.render.display import safe
from softprompt_compiler.render.human import Style
from softprompt_compiler.spec_test.check import CHECKS, CheckResult
from softprompt_plan.vocabulary import CheckStatus

_SIGNS = {CheckStatus.PASSED: "\u2713", CheckStatus.FAILED: "\u2717", CheckStatus.SKIPPED: "\u2013"}
_ASCII_SIGNS = {CheckStatus.PASSED: "ok  ", CheckStatus.FAILED: "FAIL", CheckStatus.SKIPPED: "skip"}
_COLORS = {
    CheckStatus.PASSED: "\x1b[32m",
    CheckStatus.FAILED: "\x1b[1;91m",
    CheckStatus.SKIPPED: "\x1b[33m",
}
_NAME_WIDTH = max(map(len, CHECKS))
_STATEMENT_WIDTH = max(map(len, CHECKS.values()))


def signs_for(encoding: str | None) -> dict[CheckStatus, str]:
    """The signs that an output of this encoding can show."""
    try:
        "".join(_SIGNS.values()).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return _ASCII_SIGNS
    return _SIGNS


def render(result: CheckResult, style: Style, signs: dict[CheckStatus, str]) -> str:
    """One check, ending in a newline; what is wrong stands below it."""
    return "".join(f"{line}\n" for line in _lines(result, style, signs))


def _lines(result: CheckResult, style: Style, signs: dict[CheckStatus, str]) -> Iterator[str]:
    sign = style.paint(signs[result.status], _COLORS[result.status])
    statement = f"{result.statement:<{_STATEMENT_WIDTH}}"
    head = f"{sign} {result.name:<{_NAME_WIDTH}}  {statement}"
    if result.status is CheckStatus.SKIPPED:
        yield f"{head}  skipped: {safe(result.detail)}"
        return
    head += f" {result.seconds:6.1f} s"
    if result.status is CheckStatus.PASSED:
        yield f"{head}  {safe(result.detail)}".rstrip()
        return
    yield head
    for line in (result.detail, *result.evidence):
        yield f"    {safe(line)}"


def closing_line(results: Sequence[CheckResult], seconds: float) -> str:
    """`21 passed, 1 failed in 34.0 s`, ending in a newline."""
    counts = [(sum(each.status is status for each in results), status) for status in CheckStatus]
    words = [f"{count} {status.value}" for count, status in counts if count]
    return f"{', '.join(words) or 'no check was run'} in {seconds:.1f} s\n"
