"""Damaged specs through the compiler: no traceback, and none that takes over 2 seconds.

    make fuzz
    python -m tests.fuzz [--cases 100000] [--first 0] [--seed 0] [--jobs 2] [--out build/fuzz]
    python -m tests.fuzz --replay FILE

What fails is made smaller and saved under `--out`; exits with 1 then.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

from tests.fuzz.case import run_case, shrunk
from tests.fuzz.run import Tally, fuzz
from tests.fuzz.seeds import make_folder


def _tell(tally: Tally, seconds: float) -> None:
    print(f"{seconds:6.0f} s  {_figures(tally)}", file=sys.stderr, flush=True)


def _figures(tally: Tally) -> str:
    counts = f"{tally.num_cases:,} specs, {tally.num_valid:,} of them sound"
    return f"{counts}, slowest {tally.slowest:.2f} s, {len(tally.failures)} faults"


def _save(tally: Tally, folder: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for number, (signature, failure) in enumerate(sorted(tally.failures.items()), start=1):
        small = shrunk(failure, folder)
        path = out / f"{number:03}.yaml"
        path.write_bytes(small.data)
        path.with_suffix(".txt").write_text(f"{signature}\n\n{small.detail}", "utf-8", "replace")
        print(f"{path}: {signature}, {tally.counts[signature]} times, {len(small.data)} bytes")


def _replay(path: Path, folder: Path) -> int:
    outcome = run_case(path.read_bytes(), folder, thorough=True)
    print(f"{outcome.seconds:.2f} s")
    if outcome.failure is None:
        return 0
    print(outcome.failure.detail)
    return 1


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--replay", type=Path, help="run one saved spec")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_folder(folder)
        if options.replay is not None:
            return _replay(options.replay, folder)
        numbers = range(options.first, options.first + options.cases)
        tally = fuzz(folder, numbers, options.seed, options.jobs, _tell)
        _save(tally, folder, options.out)
    print(_figures(tally))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
