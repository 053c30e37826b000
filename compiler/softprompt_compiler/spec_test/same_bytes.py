"""Compiles a spec in two fresh processes that differ in what Python leaves to chance."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_HASH_SEEDS = ("1", "2")  # the order of a set of texts follows from it


def differing_files(
    name: str, settings: Sequence[str], folder: Path, *, stdin: bytes
) -> tuple[list[str], int]:
    """The files whose bytes differ between two compilations, and how many there are.

    name: the spec as it was given; stdin: its text, for `-`. folder: for what is written. Raises
    RuntimeError if a compilation ends in a fault.
    """
    # The paths in what is written depend on the folder's depth, not on its name.
    folders = [folder / seed for seed in _HASH_SEEDS]
    children = [
        _start(name, settings, out, seed) for out, seed in zip(folders, _HASH_SEEDS, strict=True)
    ]
    said = [child.communicate(stdin)[1] for child in children]
    for child, errors in zip(children, said, strict=True):
        if child.returncode:
            last = errors.decode("utf-8", "replace").strip().splitlines()[-1:]
            raise RuntimeError(f"compiling ended with code {child.returncode}: {''.join(last)}")
    one, other = map(_contents, folders)
    differing = [file for file in sorted({*one, *other}) if one.get(file) != other.get(file)]
    return differing, len(one)


def _start(
    name: str, settings: Sequence[str], out: Path, hash_seed: str
) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "softprompt_compiler", "compile", name]
    command += ["--no-data", "--out", str(out), "--color", "never", "--output-format", "json"]
    command += [part for setting in settings for part in ("--set", setting)]
    return subprocess.Popen(  # noqa: S603 the command is ours; no shell reads it
        command,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def _contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
