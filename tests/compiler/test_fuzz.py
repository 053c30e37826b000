"""A few thousand damaged specs; `make fuzz` has 100,000."""

import os
import random
from pathlib import Path

import pytest

from tests.fuzz.case import LONGEST, Failure, run_case, shrunk
from tests.fuzz.mutations import mutated
from tests.fuzz.run import run_cases
from tests.fuzz.seeds import load_libraries, seed_specs

FILES = sorted((Path(__file__).parent.parent / "fuzz" / "found").glob("*.yaml"))


def failures(folder: Path, numbers: range) -> list[Failure]:
    load_libraries()
    return [each.failure for each in run_cases(folder, 1, numbers) if each.failure is not None]


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_damaged_specs_give_no_traceback_and_no_hang(world_folder: Path) -> None:
    assert failures(world_folder, range(400)) == []


@pytest.mark.slow
def test_more_damaged_specs_give_no_traceback_and_no_hang(world_folder: Path) -> None:
    assert failures(world_folder, range(400, 3000)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_what_was_found_once_is_mended(path: Path, world_folder: Path) -> None:
    load_libraries()

    assert run_case(path.read_bytes(), world_folder, thorough=True).failure is None


def test_a_case_is_the_same_each_time() -> None:
    first, second = (mutated(seed_specs(), random.Random("0:7")) for _ in range(2))

    assert first == second


def test_a_traceback_and_a_hang_are_noticed_and_made_smaller(
    world_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(source: object, *_: object, **__: object) -> None:
        text = str(getattr(source, "text", ""))
        if "!" in text:
            raise KeyError(text)
        while "?" in text:
            os.getpid()

    monkeypatch.setattr("tests.fuzz.case.check_spec", check)
    monkeypatch.setattr("tests.fuzz.case.LONGEST", LONGEST / 20)
    data = b"name: x\nversion: !\nmodel: y\n"

    failure = run_case(data, world_folder, thorough=False).failure
    hang = run_case(b"a: ?\n", world_folder, thorough=False).failure

    assert failure is not None
    assert failure.signature.startswith("KeyError")
    assert shrunk(failure, world_folder, seconds=10).data == b"!"
    assert hang is not None
    assert hang.signature.startswith("hang")
