"""The console blocks of the pages about commands are what the commands print."""

import re
from pathlib import Path

import pytest

from tests.compiler.command_line import SPEC, work_in
from tests.compiler.pages import blocks, console

DOCS = Path(__file__).resolve().parents[1] / "docs"
LONGER = SPEC.replace("data/train.jsonl", "data/*n.jsonl").replace(
    "max_steps: 2", "max_steps: 4, gradient_clip_val: 0.5"
)
PAGES = ["diff.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_its_commands_print(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work_in(tmp_path, monkeypatch, longer=LONGER)
    text = (DOCS / page).read_text("utf-8")
    shown = [block for block in blocks(text) if block.kind == "console"]
    assert shown
    for block in shown:
        runs = re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE)
        for run in filter(None, runs):
            assert console(run, capsys) == run
