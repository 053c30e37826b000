"""Markdown pages whose specs are compiled and whose messages are compared: pages are tests.

A page is prose around fenced blocks. Blocks with a file name (```jsonl data/train.jsonl) are
written beside the spec; a ```yaml block is a spec; a ```text block is exactly what the spec before
it gives; a ```console block is a command line and exactly what it prints. A ```safetensors block
tells the tensors of a file of zeros, and at how many bytes it is cut off.
"""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from softprompt_compiler.cli.app import run
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.parse import parse
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.render import human
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from tests.compiler.page_world import make_world
from tests.tiny_safetensors import described_safetensors

SPEC = "spec.yaml"
_BLOCK = re.compile(
    r"^```(?P<kind>\w+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block. heading: the last `##` above it; start and end: of its text in the page."""

    kind: str
    name: str
    text: str
    heading: str
    start: int
    end: int


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    for match in _BLOCK.finditer(page):
        headings = re.findall(r"^## (.+)$", page[: match.start()], re.MULTILINE)
        yield Block(
            kind=match["kind"],
            name=match["name"] or "",
            text=match["text"],
            heading=headings[-1] if headings else "",
            start=match.start("text"),
            end=match.end("text"),
        )


def checked_text(text: str, name: str = SPEC) -> list[Diagnostic]:
    """What parsing alone finds: for faults of the text, shown on a few lines."""
    return list(parse(SourceFile(name=name, text=text)).diagnostics)


def checked_spec(text: str, folder: Path, name: str = SPEC) -> list[Diagnostic]:
    """What the whole compiler finds, rows included, in a folder with a model and data."""
    world = LocalWorld(spec_folder=folder, environment={"HF_HUB_CACHE": str(folder / "hub")})
    source = SourceFile(name=name, text=text)
    return list(check_spec(source, [], world, read_data=True).diagnostics)


def world_of(page: str, folder: Path) -> None:
    """The folder that a page's specs stand in, with the files that the page shows."""
    make_world(folder)
    for block in blocks(page):
        if block.name:
            path = folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            if block.kind == "safetensors":
                path.write_bytes(described_safetensors(block.text))
            else:
                path.write_text(block.text, "utf-8")


def shown(found: list[Diagnostic]) -> str:
    """The diagnostics as a page shows them."""
    return "\n".join(human.render_diagnostic(each, human.Style()) for each in found)


def console(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """A console block with what its command prints now, in the working folder."""
    command = text.splitlines()[0]
    program, *arguments = shlex.split(command.removeprefix("$ "))
    assert program == "spec"
    run(arguments)
    printed = capsys.readouterr()
    cache = os.sep + "softprompt-bug-"
    output = re.sub(rf"\S*{cache}\w+", "/tmp/softprompt-bug-1a2b3c4d", printed.out + printed.err)
    return f"{command}\n{output}"


def settle(path: Path, actual: dict[Block, str], *, update: bool) -> None:
    """Compare blocks with what they ought to say, or, on `update`, write that into the page."""
    page = path.read_text("utf-8")
    if not update:
        for block, text in actual.items():
            assert text == block.text, f"{path.name}, under {block.heading!r}"
        return
    for block in sorted(actual, key=lambda each: each.start, reverse=True):
        page = page[: block.start] + actual[block] + page[block.end :]
    path.write_text(page, "utf-8")
