"""Numbers of rows, without a list of them."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import final, overload


@final
class RowNumbers(Sequence[int]):
    """The numbers of several ranges, one range after the other."""

    def __init__(self, ranges: Iterable[range]) -> None:
        self.ranges = tuple(ranges)
        self._starts = [0, *accumulate(map(len, self.ranges))]

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> int: ...
    @overload
    def __getitem__(self, index: slice) -> list[int]: ...
    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        number = bisect_right(self._starts, at) - 1
        return self.ranges[number][at - self._starts[number]]
