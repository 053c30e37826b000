"""The console blocks of the pages about commands are what the commands print."""

import re
from pathlib import Path

import pytest

from tests.compiler.command_line import SPEC, work_in
from tests.compiler.pages import Block, blocks, console, settle

DOCS = Path(__file__).resolve().parents[1] / "docs"
LONGER = SPEC.replace("data/train.jsonl", "data/*n.jsonl").replace(
    "max_steps: 2", "max_steps: 4, gradient_clip_val: 0.5"
)
PAGES = ["diff.md", "formatting.md"]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_its_commands_print(
    page: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    *,
    update_golden: bool,
) -> None:
    work_in(tmp_path, monkeypatch, longer=LONGER)
    actual: dict[Block, str] = {}
    for block in blocks((DOCS / page).read_text("utf-8")):
        if block.name:
            (tmp_path / block.name).write_text(block.text, "utf-8")
        if block.kind == "console":
            runs = filter(None, re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE))
            actual[block] = "".join(console(run, capsys) for run in runs)
    assert actual
    settle(DOCS / page, actual, update=update_golden)
