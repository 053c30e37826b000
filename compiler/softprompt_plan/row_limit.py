"""The most rows that are taken of a split, and which."""

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass

from softprompt_plan.plan import DataPlan
from softprompt_plan.vocabulary import Split

_HASH = 16  # bytes of a row's rank
_SEED = 8  # bytes of a seed


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
    key = seed.to_bytes(_SEED, "little")
    ranked: Iterable[tuple[bytes, int]] = ((_rank(key, row), row) for row in range(num_rows))
    return frozenset(row for _, row in heapq.nsmallest(max_rows, ranked))


def _rank(key: bytes, row: int) -> bytes:
    number = row.to_bytes(8, "little")
    return hashlib.blake2b(number, key=key, digest_size=_HASH).digest()
