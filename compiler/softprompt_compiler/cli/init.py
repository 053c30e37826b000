"""`spec init`: a spec to start from, with data, that runs as it is."""

import os
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from softprompt_compiler.cli.explain import schema_text
from softprompt_compiler.cli.failure import CommandFailure
from softprompt_compiler.cli.folder import write_files
from softprompt_compiler.cli.output import put

SPEC_NAME = "support.yaml"
SCHEMA_NAME = "softprompt.schema.json"
_DATA = ("data/train.jsonl", "data/validation.jsonl", "data/test.jsonl")


def init(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="Where the files go; made if it is not there.")
    ] = ".",
) -> None:
    """Write a spec to start from, with data.

    The folder also gets the JSON Schema that editors complete from.
    """
    target = Path(folder)
    written = dict(_starter())
    present = [str(target / name) for name in written if os.path.lexists(target / name)]
    if present:
        raise CommandFailure(
            f"there already: {', '.join(present)}", help="name another folder: spec init DIR"
        )
    write_files(target, written)
    put("".join(f"{target / name}\n" for name in written))
    put(f"next: spec validate {target / SPEC_NAME}\n")


def _starter() -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    folder = files("softprompt_compiler").joinpath("starter")
    for name in (SPEC_NAME, *_DATA):
        yield name, folder.joinpath(name).read_text("utf-8")
    yield SCHEMA_NAME, schema_text()
