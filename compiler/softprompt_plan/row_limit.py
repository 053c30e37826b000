"""The most rows that are taken of a split, and which."""

import hashlib
import heapq
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from softprompt_plan.plan import DataPlan
from softprompt_plan.vocabulary import Split

_NUM_RANKS = 8
_RANKS = struct.Struct(f"<{_NUM_RANKS}Q")  # the 64 bytes of a hash


@dataclass(frozen=True, kw_only=True)
class RowLimit:
    """max_rows: the most rows. seed: draws them without replacement; None takes the first ones."""

    max_rows: int
    seed: int | None


def row_limit(data: DataPlan, split: Split) -> RowLimit | None:
    """The limit of a split; None if all rows are taken."""
    limits = data.max_rows
    by_split = {
        Split.TRAIN: limits.train,
        Split.VALIDATION: limits.validation,
        Split.TEST: limits.test,
    }
    most = by_split[split]
    return None if most is None else RowLimit(max_rows=most, seed=data.shuffle_seed)


def drawn_rows(num_rows: int, max_rows: int, seed: int) -> frozenset[int]:
    """Numbers of the rows that a seed draws of `num_rows`, all of them if they are few enough.

    Those whose number has the smallest hash, keyed by the seed. So the draw is the same on every
    machine, and a file that grows changes little of it. Memory is that of `max_rows` numbers.
    """
    return frozenset(row for _, row in heapq.nsmallest(max_rows, _ranked(num_rows, seed)))


def _ranked(num_rows: int, seed: int) -> Iterator[tuple[int, int]]:
    """(rank, row) of each row. One hash ranks eight rows: a hash a row would take seconds."""
    key = seed.to_bytes(8, "little")
    for first in range(0, num_rows, _NUM_RANKS):
        digest = hashlib.blake2b(first.to_bytes(8, "little"), key=key).digest()
        last = min(first + _NUM_RANKS, num_rows)
        yield from zip(_RANKS.unpack(digest), range(first, last), strict=False)
