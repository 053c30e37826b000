"""Reports for tools: each format is held to its schema, over the faults of all explanation pages.

tests/data/sarif-schema-2.1.0.json is OASIS's schema in its draft 07 form, as SchemaStore has it.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from softprompt_compiler.catalogue import RULES
from softprompt_compiler.diagnostic import Diagnostic, Label, Severity
from softprompt_compiler.ignoring import Ignored
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.render import github, gitlab, junit, sarif, step_summary
from softprompt_compiler.render import json as json_format
from softprompt_compiler.render.report import Report
from softprompt_compiler.report_schema import report_schema
from softprompt_compiler.source import SourceFile, SourceKind, Span
from softprompt_compiler.world import LocalWorld
from tests.compiler.page_world import make_world
from tests.compiler.pages import blocks, world_of
from tests.compiler.test_explanations import PAGES

ROOT = Path(__file__).parents[2]
SARIF = json.loads((ROOT / "tests/data/sarif-schema-2.1.0.json").read_text("utf-8"))
HERE = Path("/repository")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Report]:
    """What is found in the specs of all pages."""
    shared = tmp_path_factory.mktemp("world")
    make_world(shared)
    found: list[Report] = []
    for page in PAGES:
        folder = shared
        if any(block.name for block in blocks(page.read_text("utf-8"))):
            folder = tmp_path_factory.mktemp(page.stem)
            world_of(page.read_text("utf-8"), folder)
        found += _reports(page, folder)
    return found


def _reports(page: Path, folder: Path) -> list[Report]:
    text = page.read_text("utf-8")
    world = LocalWorld(spec_folder=folder, environment={})
    found: list[Report] = []
    for block in blocks(text):
        if block.kind == "yaml" and not block.name:
            source = SourceFile(name=f"specs/{page.stem} {len(found)}.yaml", text=block.text)
            checked = check_spec(source, [], world, read_data=True)
            report = Report.of(source.name, checked.diagnostics, checked.data, checked.ignored)
            found.append(report)
    return found


def _sarif(reports: list[Report], folder: Path = HERE) -> Any:
    return json.loads(sarif.render(reports, folder))


def one(text: str, found: Callable[[SourceFile], Diagnostic], name: str = "a.yaml") -> Report:
    source = SourceFile(name=name, text=text)
    return Report.of(name, [found(source)])


def at(start: int, end: int, **options: Any) -> Callable[[SourceFile], Diagnostic]:
    rule = RULES["SP0005"]
    return lambda source: rule.at(source.span(start, end), **options)


# SARIF


def test_sarif_is_valid_by_the_standard_s_schema(reports: list[Report]) -> None:
    value = _sarif(reports)

    Draft7Validator.check_schema(SARIF)
    assert [each.message for each in Draft7Validator(SARIF).iter_errors(value)] == []
    assert {each["ruleId"] for each in value["runs"][0]["results"]} >= {
        "SP0101",
        "SP0242",
        "SP0342",
    }


def test_without_findings_it_is_valid_too() -> None:
    value = _sarif([Report.of("a.yaml", [])])

    assert list(Draft7Validator(SARIF).iter_errors(value)) == []
    assert value["runs"][0]["results"] == []


def _text_at(text: str, region: dict[str, int]) -> str:
    starts = [0, *(match.end() for match in re.finditer(r"\r\n|\n|\r", text))]
    start = starts[region["startLine"] - 1] + region["startColumn"] - 1
    return text[start : starts[region["endLine"] - 1] + region["endColumn"] - 1]


def test_regions_are_exact_and_every_label_is_there(reports: list[Report]) -> None:
    results = iter(_sarif(reports)["runs"][0]["results"])
    for report in reports:
        both = [*report.diagnostics, *(each.diagnostic for each in report.ignored)]
        for diagnostic in Report.of(report.spec, both).diagnostics:
            result = next(results)
            assert (result["ruleId"], result["level"]) == (diagnostic.code, diagnostic.severity)
            places = [*result["locations"], *result.get("relatedLocations", [])]
            labels = [diagnostic.primary, *diagnostic.secondary]
            for place, label in zip(places, labels, strict=True):
                _check_place(place, label)
    assert next(results, None) is None


def _check_place(place: Any, label: Label) -> None:
    source, physical = label.span.source, place["physicalLocation"]
    if source.text:
        region = {**physical["region"]}
        region["startLine"] -= source.first_line - 1
        region["endLine"] -= source.first_line - 1
        assert _text_at(source.text, region) == label.span.text
    assert place.get("message", {}).get("text", "") == label.text


def test_each_rule_that_is_used_brings_its_page(reports: list[Report]) -> None:
    run = _sarif(reports)["runs"][0]
    rules = run["tool"]["driver"]["rules"]

    assert [each["id"] for each in rules] == sorted({each["ruleId"] for each in run["results"]})
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    for rule in rules:
        page = (PAGES[0].parent / f"{rule['id']}.md").read_text("utf-8")
        assert rule["help"]["markdown"] == page
        assert rule["shortDescription"]["text"] in page
        assert rule["fullDescription"]["text"]


def test_a_fix_is_what_fix_would_write() -> None:
    world = LocalWorld(spec_folder=Path("/nowhere"), environment={})
    source = SourceFile(name="a.yaml", text="version: '1'\r\nname: x\r\n")
    report = Report.of("a.yaml", check_spec(source, [], world).diagnostics)
    (result,) = [each for each in _sarif([report])["runs"][0]["results"] if "fixes" in each]
    (fix,) = result["fixes"]
    (change,) = fix["artifactChanges"]
    (replacement,) = change["replacements"]

    assert change["artifactLocation"] == {"uri": "a.yaml"}
    assert _text_at(source.text, replacement["deletedRegion"]) == "'1'"
    assert replacement["insertedContent"] == {"text": "1"}
    assert fix["properties"] == {"confidence": "sure"}


def test_a_setting_s_fault_is_a_finding_in_the_spec_without_a_region_or_a_fix() -> None:
    world = LocalWorld(spec_folder=Path("/nowhere"), environment={})
    source = SourceFile(name="a.yaml", text="version: 1\nname: x\n")
    found = check_spec(source, ["version='1'"], world).diagnostics
    report = Report.of("a.yaml", [each for each in found if each.span.source is not source])
    (result,) = _sarif([report])["runs"][0]["results"]

    assert result["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "a.yaml"}}}]
    assert "(in --set version='1')" in result["message"]["text"]
    assert "fixes" not in result


def test_what_a_comment_ignores_is_suppressed_with_its_reason() -> None:
    report = one("name: x\n", at(0, 4))
    ignored = Ignored(diagnostic=report.diagnostics[0], reason="known")
    value = _sarif([replace(report, diagnostics=(), ignored=(ignored,))])
    (result,) = value["runs"][0]["results"]

    assert list(Draft7Validator(SARIF).iter_errors(value)) == []
    assert result["suppressions"] == [
        {"kind": "inSource", "status": "accepted", "justification": "known"}
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("specs/a.yaml", "specs/a.yaml"),
        ("./specs/../a b:%.yaml", "a%20b%3A%25.yaml"),
        ("/repository/a.yaml", "a.yaml"),
        ("../a.yaml", "file:///a.yaml"),
        ("/tmp/\u00e9.yaml", "file:///tmp/%C3%A9.yaml"),
        ("<stdin>", "file:///dev/stdin"),
    ],
)
def test_a_file_s_uri_is_relative_to_the_folder_if_it_is_inside(name: str, expected: str) -> None:
    result = _sarif([one("x", at(0, 1), name)])["runs"][0]["results"][0]

    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == expected
    assert urlparse(expected).scheme in ("", "file")
    assert unquote(expected)


# Fingerprints


def _fingerprints(reports: list[Report]) -> list[str]:
    issues = [each["fingerprint"] for each in json.loads(gitlab.render(reports, HERE))]
    results = _sarif(reports)["runs"][0]["results"]
    kept = [each for each in results if not each["suppressions"]]
    assert [each["partialFingerprints"]["softprompt/v1"] for each in kept] == issues
    return issues


def test_fingerprints_are_unique(reports: list[Report]) -> None:
    without = [replace(each, ignored=()) for each in reports]
    found = _fingerprints(without)

    assert len(set(found)) == len(found) > 100
    twice = _fingerprints([*without, *without])
    assert len(set(twice)) == len(twice)


def test_a_fingerprint_stays_when_lines_move_and_changes_when_the_line_does() -> None:
    text = "inference:\n  temperature: 0.7\n"
    start = text.index("temperature")
    (here,) = _fingerprints([one(text, at(start, start + 11))])
    (moved,) = _fingerprints([one("# new\n\n" + text, at(start + 7, start + 18))])
    (other,) = _fingerprints([one(text.replace("7", "8"), at(start, start + 11))])

    assert here == moved != other


# GitLab


def test_gitlab_gets_what_its_documentation_asks_for(reports: list[Report]) -> None:
    """https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format"""
    issues = json.loads(gitlab.render(reports, HERE))

    assert len(issues) > 100
    for issue in issues:
        assert issue["description"]
        assert re.fullmatch(r"SP\d{4} [a-z0-9-]+", issue["check_name"])
        assert issue["severity"] in ("info", "minor", "critical")
        assert not issue["location"]["path"].startswith("./")
        lines = issue["location"]["lines"]
        assert 1 <= lines["begin"] <= lines["end"]


# JUnit

# Of Jenkins' junit-10.xsd, which pytest's reports are held to: child elements and attributes.
_JUNIT = {
    "testsuites": ({"testsuite"}, {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"testcase"},
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
    ),
    "testcase": ({"skipped", "failure", "system-out"}, {"name", "classname", "time"}),
    "failure": (set[str](), {"message", "type"}),
    "system-out": (set[str](), set[str]()),
}


def test_junit_has_a_case_for_each_spec(reports: list[Report]) -> None:
    root = ElementTree.fromstring(junit.render(reports, strict=False))

    for element in root.iter():
        children, attributes = _JUNIT[element.tag]
        assert {child.tag for child in element} <= children
        assert set(element.attrib) <= attributes
    cases = list(root.iter("testcase"))
    assert [each.get("name") for each in cases] == [each.spec for each in reports]
    failed = [each.find("failure") is not None for each in cases]
    assert failed == [each.fails(strict=False) for each in reports]
    assert (root.get("tests"), root.get("failures")) == (str(len(cases)), str(sum(failed)))


def test_strict_turns_warnings_into_failures() -> None:
    warning = RULES["SP0251"].at(SourceFile(name="a.yaml", text="x").span(0, 1))
    report = Report.of("a.yaml", [warning])
    lenient, strict = (junit.render([report], strict=strict) for strict in (False, True))

    assert "<system-out>warning[SP0251]" in lenient
    assert 'failures="0"' in lenient
    assert '<failure message="1 warning in a.yaml" type="SP0251">' in strict


# JSON


def test_json_fits_the_schema_that_we_ship(reports: list[Report]) -> None:
    Draft7Validator.check_schema(report_schema())
    value = json.loads("".join(json_format.render(reports)))

    assert [each.message for each in Draft7Validator(report_schema()).iter_errors(value)] == []
    assert value["valid"] is False
    assert {each["code"] for each in value["ignored"]} == {"SP0251"}


# Whatever the text is


hostile = st.text(st.characters(exclude_categories=[]), max_size=20) | st.sampled_from(
    [
        "\x1b[2J",
        "::error::x",
        "%0A",
        "]]>",
        "```",
        "{0}",
        "[a](1)",
        "\ud800",
        "\ufffe",
        "</failure>",
    ]
)


names = st.binary(max_size=20).map(os.fsdecode) | st.sampled_from(["::error::x", "%0A", "</a>"])


@given(names, hostile, hostile)
def test_no_text_breaks_a_format(name: str, text: str, note: str) -> None:
    name = "x" + name.replace("\0", "")
    found = at(0, len(text), label=note, notes=note, help=note)
    report = one(text, found, name)

    value = _sarif([report])
    assert list(Draft7Validator(SARIF).iter_errors(value)) == []
    assert json.loads(gitlab.render([report], HERE))[0]["description"].count(note) >= 1
    ElementTree.fromstring(junit.render([report], strict=False).encode())
    command, rest = re.split(r"\r\n|\r|\n", github.render([report]))
    assert rest == ""
    assert re.fullmatch(r"::error (?:[a-zA-Z]+=[^,:\r\n]*,?)+::[^\r\n]*", command)
    shown = step_summary.render([report], strict=False)
    (fence,) = set(re.findall(r"^(`{3,})(?:text)?$", shown, re.MULTILINE)) or {"```"}
    assert shown.count(f"\n{fence}") == 2
    assert "\x1b" not in shown


# GitHub


def test_what_github_unescapes_is_what_we_said() -> None:
    """Its runner turns %0A, %0D, %25 and, in properties, %3A and %2C back."""
    report = one("x", at(0, 1, notes="100 %, a:b", help="two"), "a,b:c%.yaml")
    command = github.render([report])

    assert command.startswith("::error file=a%2Cb%3Ac%25.yaml,line=1,")
    assert command.endswith("::the spec is empty%0Anote: 100 %25, a:b%0Ahelp: two\n")


def test_no_name_of_a_file_moves_the_cursor_of_who_reads_githubs_commands() -> None:
    command = github.render([one("x", at(0, 1), "\x1b[31m\n.yaml")])

    assert command.startswith("::error file=\u241b[31m%0A.yaml,line=1,")


@pytest.mark.parametrize("severity", list(Severity))
def test_a_span_of_a_setting_has_no_file_on_github(severity: Severity) -> None:
    source = SourceFile(name="--set", text="a=1", kind=SourceKind.SETTING)
    found = replace(RULES["SP0005"].at(Span(source, 0, 1)), severity=severity)

    assert "file=" not in github.render([Report.of("a.yaml", [found])])
