"""For CI: a JUnit XML report, as Jenkins and GitLab read it. A test case is a spec."""

from collections.abc import Sequence
from xml.etree import ElementTree

from softprompt_compiler.diagnostic import Severity
from softprompt_compiler.render import human
from softprompt_compiler.render.display import safe
from softprompt_compiler.render.report import Report

_SUITE = "spec validate"


def render(reports: Sequence[Report], *, strict: bool) -> str:
    """One test suite. A spec that fails has what was found as its failure, another as its output.

    strict: whether warnings fail.
    """
    failed = sum(report.fails(strict=strict) for report in reports)
    counts = {"tests": str(len(reports)), "failures": str(failed), "errors": "0"}
    root = ElementTree.Element("testsuites", counts)
    suite = ElementTree.SubElement(root, "testsuite", {"name": _SUITE, **counts, "skipped": "0"})
    for report in reports:
        _add(suite, report, strict=strict)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add(suite: ElementTree.Element, report: Report, *, strict: bool) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", {"classname": _SUITE, "name": safe(report.spec)}
    )
    if not report.diagnostics:
        return
    told = human.render(report, human.Style())
    if not report.fails(strict=strict):
        ElementTree.SubElement(case, "system-out").text = told
        return
    failing = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    first = next(each for each in report.diagnostics if each.severity in failing)
    outcome = ElementTree.SubElement(
        case, "failure", {"message": safe(report.closing_line), "type": first.code}
    )
    outcome.text = told
