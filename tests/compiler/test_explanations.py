"""Each rule's page is its test. `pytest --update-golden` writes the messages into the pages."""

import re
import sys
from pathlib import Path

import pyarrow
import pytest

import softprompt_compiler
from softprompt_compiler.catalogue import RULES
from softprompt_compiler.cli import validate
from softprompt_compiler.diagnostic import Diagnostic, Severity
from softprompt_compiler.lock import content as lock_content
from tests.compiler.pages import (
    SPEC,
    Block,
    blocks,
    checked_spec,
    checked_text,
    console,
    settle,
    shown,
    world_of,
)

FOLDER = Path(softprompt_compiler.__file__).parent / "explanations"
PAGES = sorted(FOLDER.glob("*.md"))
# Rules that speak of two places of a spec, each of which gets a label.
TWO_PLACES = """
SP0007 SP0110 SP0201 SP0202 SP0203 SP0204 SP0205 SP0211 SP0212 SP0213 SP0214 SP0215 SP0217 SP0220
SP0221 SP0222 SP0223 SP0230 SP0231 SP0232 SP0233 SP0234 SP0235 SP0236 SP0237 SP0241 SP0242 SP0250
SP0291 SP0293 SP0313 SP0319 SP0322 SP0323 SP0324 SP0325 SP0332 SP0353 SP0354 SP0355 SP0356 SP0358
"""
HEADINGS = ["Why", "Wrong", "Right"]


def test_pages_and_rules_are_the_same_set() -> None:
    assert sorted(RULES) == [path.stem for path in PAGES]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_has_the_form_of_all_pages(path: Path) -> None:
    page = path.read_text("utf-8")
    rule = RULES[path.stem]

    assert page.splitlines()[0] == f"# {rule.code} {rule.name}"
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == HEADINGS
    prose = re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)
    assert [line for line in prose.splitlines() if len(line) > 100] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_its_own_fault_and_its_cure(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    update_golden: bool,
) -> None:
    page = path.read_text("utf-8")
    world_of(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    if path.stem == "SP0901":  # there is no spec that shows a bug, or it would be mended
        monkeypatch.setattr(validate, "read_spec", _break)
    wrong, actual = False, dict[Block, str]()
    spec = ""
    for block in blocks(page):
        is_wrong = block.heading == "Wrong"
        if path.stem == "SP0305":
            monkeypatch.setitem(sys.modules, "pyarrow", None if is_wrong else pyarrow)
        if path.stem.startswith("SP037"):
            _change_what_was_locked(path.stem, block, monkeypatch, actual)
        if block.kind == "yaml" and not block.name:
            spec = block.text
            Path(SPEC).write_text(spec, "utf-8")
            if not is_wrong:
                assert _cured(path.stem, _found(path.stem, spec, tmp_path)) == []
        elif block.kind == "text":
            found = _found(path.stem, spec, tmp_path)
            assert [path.stem] * len(found) == [each.code for each in found]
            actual[block] = shown(found)
            wrong = wrong or (is_wrong and bool(found))
            if path.stem in TWO_PLACES:
                assert all(each.secondary for each in found)
        elif block.kind == "console":
            actual[block] = console(block.text, capsys)
            wrong = wrong or (is_wrong and f"[{path.stem}]" in actual[block])
    assert wrong, "no block under `Wrong` shows the rule"
    settle(path, actual, update=update_golden)


def _change_what_was_locked(
    code: str, block: Block, monkeypatch: pytest.MonkeyPatch, before: dict[Block, str]
) -> None:
    """A file of the page, when its turn comes; softprompt itself, once something is locked."""
    if block.name:
        Path(block.name).write_text(block.text, "utf-8")
    elif code == "SP0375" and before:
        monkeypatch.setattr(lock_content, "__version__", "0.2.0")


def _found(code: str, text: str, folder: Path) -> list[Diagnostic]:
    is_of_text = code.startswith("SP00") and not code.startswith("SP005")
    return checked_text(text) if is_of_text else checked_spec(text, folder)


def _cured(code: str, found: list[Diagnostic]) -> list[str]:
    """What the right spec must not give: any error, and the page's own rule."""
    bad = [each for each in found if each.severity is Severity.ERROR or each.code == code]
    return [f"{each.code}: {each.message}" for each in bad]


def _break(_name: str) -> None:
    raise ZeroDivisionError("division by zero")
