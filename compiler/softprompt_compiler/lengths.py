"""How long rows are, as counts of each length: as small for a million rows as for a thousand."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """Lengths in tokens. counts: length -> how many rows, or parts of rows, have it."""

    counts: Mapping[int, int]

    @staticmethod
    def joined(some: Iterable[tuple["Lengths", int]]) -> "Lengths":
        """Several together, each with tokens added to all of its lengths."""
        counts: Counter[int] = Counter()
        for lengths, added in some:
            counts.update({length + added: rows for length, rows in lengths.counts.items()})
        return Lengths(counts=counts)

    @property
    def num_rows(self) -> int:
        """How many lengths were counted."""
        return sum(self.counts.values())

    @property
    def mean(self) -> float:
        """0.0 if there are none."""
        total = sum(length * rows for length, rows in self.counts.items())
        return total / self.num_rows if total else 0.0

    @property
    def longest(self) -> int:
        """0 if there are none."""
        return max(self.counts, default=0)

    def percentile(self, percent: int) -> int:
        """The smallest length that at least `percent` % do not exceed; 0 if there are none."""
        rank = -(-self.num_rows * percent // 100)
        seen = 0
        for length in sorted(self.counts):
            seen += self.counts[length]
            if seen >= rank:
                return length
        return 0
