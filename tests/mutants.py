"""Do the tests notice when the code is wrong? Breaks it in one place at a time and runs them.

    make mutants
    python tests/mutants.py [--only NAME] [--jobs 2] [--no-baseline]

The mutants stand in `tests/mutants/*.toml`: a file, text that occurs in it exactly once, what to
write instead, and the tests that must fail then. All is done in copies in a temporary folder; each
run of tests is a forked process, so that libraries are imported once. Prints a table; exits with 1
if a mutant survives or does not fit the code any more.
"""

import argparse
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from io import StringIO
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLES = ROOT / "tests" / "mutants"
_SOURCES = ("compiler", "runtime", "templates")
_COPIED = (*_SOURCES, "tests", "specs", "pyproject.toml")
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".hypothesis", ".pytest_cache")
_LONGEST_RUN = 600  # seconds; an endless loop is noticed too
_FORK = multiprocessing.get_context("fork")
_copies: "SimpleQueue[Path]" = _FORK.SimpleQueue()  # those that no process works in


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One fault. `group` is the table that it stands in, `tests` what pytest is to run."""

    group: str
    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def misfit(self) -> str | None:
        """Why it cannot be put into the code as it is now; None if it can."""
        path = ROOT / self.file
        count = path.read_text("utf-8").count(self.old) if path.is_file() else 0
        return None if count == 1 else f"its old text occurs {count} times in {self.file}"


def read_mutants() -> list[Mutant]:
    """All mutants, in the order of their tables."""
    found: list[Mutant] = []
    for path in sorted(TABLES.glob("*.toml")):
        for group, content in tomllib.loads(path.read_text("utf-8")).items():
            found += [_mutant(group, content, given) for given in content["mutant"]]
    return found


def _mutant(group: str, content: dict[str, Any], given: dict[str, Any]) -> Mutant:
    return Mutant(
        group=group,
        name=given["name"],
        file=given["file"] if "file" in given else content["file"],
        old=given["old"],
        new=given["new"],
        tests=tuple(given.get("tests", content["tests"])),
    )


def main() -> int:
    """Run the mutants that are asked for."""
    options = _options()
    only = options.only
    mutants = [each for each in read_mutants() if only in (None, each.name, each.group)]
    fitting = [each for each in mutants if each.misfit is None]
    for each in mutants:
        if each.misfit:
            print(f"MISFIT   {each.group:14} {each.name}: {each.misfit}")
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        _preload(fitting)
        pool = _Pool(Path(folder), options.jobs)
        if options.baseline:
            pool.assert_tests_pass(fitting)
        caught = pool.count_caught(fitting)
    seconds = time.monotonic() - started
    print(f"{caught} of {len(mutants)} mutants caught in {seconds:.0f} s")
    return int(caught < len(mutants) or not mutants)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Do the tests notice when the code is wrong?")
    parser.add_argument("--only", metavar="NAME", help="one mutant, or one table of them")
    parser.add_argument("--jobs", type=int, default=2, help="copies that work at the same time")
    parser.add_argument(
        "--no-baseline", dest="baseline", action="store_false", help="trust the tests to pass"
    )
    return parser.parse_args()


class _Pool:
    """Copies of the repository, and processes that each take one for one run of tests."""

    def __init__(self, folder: Path, jobs: int) -> None:
        self._jobs = jobs
        for number in range(jobs):
            _copies.put(_copy(folder / str(number)))

    def assert_tests_pass(self, mutants: Sequence[Mutant]) -> None:
        """With unchanged code; else every mutant would seem to be caught."""
        tests = dict.fromkeys(test for mutant in mutants for test in mutant.tests)
        with _FORK.Pool(self._jobs, maxtasksperchild=1) as pool:
            runs = [(test, pool.apply_async(_passes, (test,))) for test in tests]
            failing = [test for test, run in runs if not run.get()]
        if failing:
            sys.exit(f"these tests fail without any mutant: {' '.join(failing)}")

    def count_caught(self, mutants: Sequence[Mutant]) -> int:
        """Try the mutants, and print in their order what became of them."""
        caught = 0
        with _FORK.Pool(self._jobs, maxtasksperchild=1) as pool:
            runs = [pool.apply_async(_try, (mutant,)) for mutant in mutants]
            for mutant, run in zip(mutants, runs, strict=True):
                noticed_by, seconds = run.get()
                caught += noticed_by is not None
                verdict = "SURVIVED" if noticed_by is None else "caught  "
                what = f"{mutant.group:14} {mutant.name:64} {noticed_by or ''}"
                print(f"{verdict} {seconds:5.1f} s  {what}", flush=True)
        return caught


def _preload(mutants: Sequence[Mutant]) -> None:
    """Import the libraries that runs of tests need, but none of our own code."""
    for name in ("hypothesis", "sentencepiece", "tokenizers"):
        import_module(name)
    if any(test.startswith("tests/runtime") for mutant in mutants for test in mutant.tests):
        import_module("softprompt_runtime")  # for what it imports: torch and others
    for name in [name for name in sys.modules if name.startswith("softprompt")]:
        del sys.modules[name]


def _copy(folder: Path) -> Path:
    folder.mkdir()
    for name in _COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=_LEFT_OUT)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def _passes(test: str) -> bool:
    copy = _copies.get()
    try:
        return _first_failure([test], copy) is None
    finally:
        _copies.put(copy)


def _try(mutant: Mutant) -> tuple[str | None, float]:
    """The first test that notices the mutant, None if none does; and seconds."""
    copy, started = _copies.get(), time.monotonic()
    file = copy / mutant.file
    right = file.read_bytes()
    try:
        file.write_bytes(right.replace(mutant.old.encode(), mutant.new.encode()))
        return _first_failure(mutant.tests, copy), time.monotonic() - started
    finally:
        file.write_bytes(right)
        _copies.put(copy)


class _Failures:
    """A pytest plugin that keeps the first failure."""

    def __init__(self) -> None:
        self.first: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.first is None:
            self.first = report.nodeid.rsplit("/", 1)[-1]


def _first_failure(tests: Sequence[str], copy: Path) -> str | None:
    """Run tests in a copy, in this process, which is used once."""
    os.chdir(copy)
    os.environ["HYPOTHESIS_PROFILE"] = "mutants"
    sys.dont_write_bytecode = True  # such a file knows its source by second and size
    sys.path[:1] = [str(copy / name) for name in _SOURCES]  # instead of this script's folder
    failures, output = _Failures(), StringIO()
    signal.signal(signal.SIGALRM, _stop)
    signal.alarm(_LONGEST_RUN)
    options = ["-x", "-q", "--tb=short", "-p", "no:cacheprovider", "-m", "not slow"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # for what is imported already
    try:
        with redirect_stdout(output):
            status = pytest.main([*options, *tests], plugins=[failures])
    except TimeoutError as error:
        return str(error)
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"this is no result of tests:\n{output.getvalue()}")
    assert Path(str(sys.modules["softprompt_plan"].__file__)).is_relative_to(copy)
    assert (failures.first is None) == (status is pytest.ExitCode.OK)
    return failures.first


def _stop(*_: Any) -> None:
    raise TimeoutError(f"did not end in {_LONGEST_RUN} s")


if __name__ == "__main__":
    sys.exit(main())
