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
