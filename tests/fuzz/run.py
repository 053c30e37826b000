"""Many cases in several processes, and what has been seen of them. Case n of a seed is always the
same spec.
"""

import faulthandler
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.case import Failure, Outcome, run_case
from tests.fuzz.mutations import mutated
from tests.fuzz.seeds import load_libraries, seed_specs

_CHUNK = 250  # cases that a worker takes at once
_THOROUGH = 4  # one case of so many also goes through every output and the fixes
_STUCK = 300  # seconds of wall clock after which a worker prints where it is, and ends


@dataclass(kw_only=True)
class Tally:
    """What has been seen of all cases."""

    num_cases: int = 0
    num_valid: int = 0
    slowest: float = 0.0  # seconds
    failures: dict[str, Failure] = field(default_factory=dict[str, Failure])  # by signature
    counts: Counter[str] = field(default_factory=Counter[str])

    def add(self, outcome: Outcome) -> None:
        """Count one case; of the same failure the shortest spec is kept."""
        self.num_cases += 1
        self.num_valid += outcome.valid
        self.slowest = max(self.slowest, outcome.seconds)
        if failure := outcome.failure:
            self.counts[failure.signature] += 1
            known = self.failures.get(failure.signature)
            if known is None or len(failure.data) < len(known.data):
                self.failures[failure.signature] = failure


def run_cases(folder: Path, seed: int, numbers: range) -> Iterator[Outcome]:
    """The outcomes of cases, in their order."""
    seeds = seed_specs()
    for number in numbers:
        data = mutated(seeds, random.Random(f"{seed}:{number}"))
        yield run_case(data, folder, thorough=number % _THOROUGH == 0)


def _chunk(folder: Path, seed: int, numbers: range) -> list[Outcome]:
    os.chdir(folder)
    load_libraries()
    faulthandler.dump_traceback_later(_STUCK, exit=True)  # what is stuck in C hears no signal
    try:
        return list(run_cases(folder, seed, numbers))
    finally:
        faulthandler.cancel_dump_traceback_later()


def fuzz(
    folder: Path, numbers: range, seed: int, jobs: int, tell: Callable[[Tally, float], None]
) -> Tally:
    """Run the cases in `jobs` processes. tell: hears now and then how it goes, and the seconds.

    Raises RuntimeError if a worker dies.
    """
    tally, started = Tally(), time.monotonic()
    chunks = [numbers[at : at + _CHUNK] for at in range(0, len(numbers), _CHUNK)]
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(_chunk, folder, seed, chunk): chunk for chunk in chunks}
        for done in as_completed(running):
            try:
                outcomes = done.result()
            except BrokenProcessPool:
                first = running[done].start
                raise RuntimeError(f"a worker died, perhaps at cases from {first} on") from None
            for outcome in outcomes:
                tally.add(outcome)
            tell(tally, time.monotonic() - started)
    return tally
