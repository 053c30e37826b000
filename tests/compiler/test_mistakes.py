"""The gallery of mistakes: each spec gives exactly the messages below it."""

from pathlib import Path

import pytest

from tests.compiler.pages import Block, blocks, checked_spec, settle, shown, world_of

PAGES = sorted((Path(__file__).parent.parent / "mistakes").glob("*.md"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_mistake_is_told_as_shown(path: Path, tmp_path: Path, *, update_golden: bool) -> None:
    page = path.read_text("utf-8")
    world_of(page, tmp_path)
    actual, spec = dict[Block, str](), ""
    for block in blocks(page):
        if block.kind == "yaml":
            spec = block.text
        elif block.kind == "text":
            actual[block] = shown(checked_spec(spec, tmp_path))
            assert actual[block], f"{block.heading}: nothing is found"
    assert actual
    settle(path, actual, update=update_golden)


def test_the_gallery_of_the_docs_is_what_is_printed(tmp_path: Path, *, update_golden: bool) -> None:
    path = Path(__file__).parent.parent.parent / "docs" / "diagnostics.md"
    page = path.read_text("utf-8")
    start = page.index("\n## A gallery of first specs")
    world_of(page[start:], tmp_path)
    actual, spec = dict[Block, str](), ""
    for block in blocks(page):
        if block.start > start and block.kind == "yaml":
            spec = block.text
        elif block.start > start:
            actual[block] = shown(checked_spec(spec, tmp_path))
            assert actual[block], f"nothing is found: {spec}"
    assert len(actual) >= 10
    settle(path, actual, update=update_golden)
