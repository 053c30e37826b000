"""Where the rows of a packed batch lie. Plain Python: no tensor, no model.

A packed batch is one long row of L tokens: segments laid end to end. A segment without a prefix is
a whole row. A segment with a prefix continues the tokens of that earlier segment; so what several
rows of a task begin with (virtual tokens, the template's first words) is computed once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate


@dataclass(frozen=True, kw_only=True)
class RowLayout:
    """Segments of a packed batch, in packed order.

    prefix_of[i] is the segment whose tokens come before segment i's own, or None. A prefix stands
    before its continuations and has no prefix of its own.
    """

    segment_lengths: tuple[int, ...]  # own tokens, 0 or more
    prefix_of: tuple[int | None, ...]

    def __post_init__(self) -> None:
        assert len(self.segment_lengths) == len(self.prefix_of)
        for segment, prefix in enumerate(self.prefix_of):
            assert prefix is None or (prefix < segment and self.prefix_of[prefix] is None)

    @staticmethod
    def of_rows(row_lengths: Sequence[int]) -> "RowLayout":
        """Rows end to end, nothing shared."""
        return RowLayout(
            segment_lengths=tuple(row_lengths), prefix_of=(None,) * len(tuple(row_lengths))
        )

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Packed position of each segment's first token."""
        return tuple(accumulate(self.segment_lengths, initial=0))[:-1]

    @property
    def num_tokens(self) -> int:
        """L: the tokens that are computed."""
        return sum(self.segment_lengths)

    @property
    def shares(self) -> bool:
        """Whether any segment continues another."""
        return any(prefix is not None for prefix in self.prefix_of)

    def positions_of(self, segment: int) -> list[int]:
        """Packed positions of the whole row that ends with this segment, in order."""
        prefix = self.prefix_of[segment]
        before = [] if prefix is None else self.positions_of(prefix)
        start = self.starts[segment]
        return before + list(range(start, start + self.segment_lengths[segment]))
