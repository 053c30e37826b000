"""The specs that are damaged, and the folder that they stand in."""

import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import softprompt_compiler
from tests.compiler.page_world import make_world
from tests.compiler.pages import blocks

_ROOT = Path(__file__).parent.parent.parent
_PAGES = Path(softprompt_compiler.__file__).parent / "explanations"


@cache
def seed_specs() -> list[str]:
    """Every spec of this project: those to run, and all of the pages, wrong and right."""
    texts = [path.read_text("utf-8") for path in sorted((_ROOT / "specs").glob("*.yaml"))]
    pages = [*sorted(_PAGES.glob("*.md")), *sorted((_ROOT / "tests" / "mistakes").glob("*.md"))]
    specs = [
        block
        for page in pages
        for block in blocks(page.read_text("utf-8"))
        if block.kind == "yaml" and not block.name
    ]
    wrong = dict.fromkeys(block.text for block in specs if block.heading != "Right")
    right = dict.fromkeys(block.text for block in specs if block.heading == "Right")
    return [*texts, *wrong, *right] + [text for text in right for _ in range(3)]


def make_folder(folder: Path) -> None:
    """The model and data of the pages, and no way to the network."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    make_world(folder)
    load_libraries()


def load_libraries() -> None:
    """Import what a case may need, so that no case pays for it."""
    for name in ("tokenizers", "jinja2", "pyarrow.parquet", "datasets"):
        if find_spec(name.partition(".")[0]) is not None:
            __import__(name)
