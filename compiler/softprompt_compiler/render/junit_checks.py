"""For CI: a JUnit XML report of `spec test`, as Jenkins and GitLab read it."""

from collections.abc import Sequence
from xml.etree import ElementTree

from softprompt_compiler.render.display import safe
from softprompt_compiler.spec_test.check import CheckResult
from softprompt_plan.vocabulary import CheckStatus


def render(spec: str, results: Sequence[CheckResult], seconds: float) -> str:
    """One test suite, a test case a check. What XML cannot hold is made visible."""
    counts = {
        "tests": len(results),
        "failures": sum(each.status is CheckStatus.FAILED for each in results),
        "errors": 0,
        "skipped": sum(each.status is CheckStatus.SKIPPED for each in results),
    }
    totals = {name: str(count) for name, count in counts.items()} | {"time": f"{seconds:.3f}"}
    root = ElementTree.Element("testsuites", totals)
    suite = ElementTree.SubElement(root, "testsuite", {"name": f"spec test {safe(spec)}", **totals})
    for result in results:
        _add(suite, spec, result)
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _add(suite: ElementTree.Element, spec: str, result: CheckResult) -> None:
    names = {"classname": safe(spec), "name": result.name, "time": f"{result.seconds:.3f}"}
    case = ElementTree.SubElement(suite, "testcase", names)
    if result.status is CheckStatus.PASSED:
        return
    kind = "failure" if result.status is CheckStatus.FAILED else "skipped"
    outcome = ElementTree.SubElement(case, kind, {"message": safe(result.detail)})
    if result.status is CheckStatus.FAILED:
        outcome.set("type", result.name)
        lines = (f"{result.statement}: this does not hold", result.detail, *result.evidence)
        outcome.text = "\n".join(map(safe, lines))
