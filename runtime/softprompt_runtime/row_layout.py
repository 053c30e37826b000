"""Where the rows of a packed batch lie. Plain Python: no tensor, no model.

A packed batch is one long row of L tokens: segments laid end to end. A segment without a prefix
begins a row; any other continues the row that ends with its prefix. So what several rows of a task
begin with (virtual tokens, the template's first words) is computed once, and text before a row's
first virtual token, which no gradient passes, can be computed apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True, kw_only=True)
class RowLayout:
    """Segments of a packed batch, in packed order."""

    segment_lengths: tuple[int, ...]  # own tokens, 0 or more
    prefix_of: tuple[int | None, ...]  # the earlier segment that each one continues, or None
    static: tuple[bool, ...]  # neither the segment nor what it continues needs a gradient

    def __post_init__(self) -> None:
        assert len(self.segment_lengths) == len(self.prefix_of) == len(self.static)
        for segment, prefix in enumerate(self.prefix_of):
            assert prefix is None or prefix < segment
            assert prefix is None or self.static[prefix] or not self.static[segment]

    @staticmethod
    def of_rows(row_lengths: Sequence[int]) -> "RowLayout":
        """Rows end to end, nothing shared."""
        lengths = tuple(row_lengths)
        return RowLayout(
            segment_lengths=lengths,
            prefix_of=(None,) * len(lengths),
            static=(False,) * len(lengths),
        )

    @property
    def num_tokens(self) -> int:
        """L: the tokens that are computed."""
        return sum(self.segment_lengths)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Packed position of each segment's first token."""
        return tuple(accumulate(self.segment_lengths, initial=0))[:-1]

    def chain(self, segment: int) -> list[int]:
        """The segments of the row that ends with this one, in order."""
        prefix = self.prefix_of[segment]
        return [segment] if prefix is None else [*self.chain(prefix), segment]

    def own_positions(self, segment: int) -> range:
        """Packed positions of the segment's own tokens."""
        start = self.starts[segment]
        return range(start, start + self.segment_lengths[segment])

    def positions_of(self, segment: int) -> list[int]:
        """Packed positions of the whole row that ends with this segment, in order."""
        return [at for part in self.chain(segment) for at in self.own_positions(part)]
