"""The micro-batch that memory is reckoned for, as the runtime lays it out (row_placement.py).

Rows lie end to end without padding. What all of them begin with is computed once; text before the
first virtual token is computed apart, without gradients, and only its keys and values are seen by
the rest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

# runtime's row_placement: below these shares of the tokens, sharing and setting apart do not pay
_LEAST_SHARED = 0.02
_LEAST_STATIC = 0.1


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """Rows of one task in one micro-batch.

    num_shared: tokens that all rows begin with, virtual ones included. num_static: text tokens of a
    row before its first virtual one. num_virtual: of a row. num_targets: loss tokens of a row.
    """

    row_lengths: tuple[int, ...]
    num_shared: int
    num_static: int
    num_virtual: int
    num_targets: int


@dataclass(frozen=True, kw_only=True)
class PackedShape:
    """Counts of tokens in a packed batch.

    kept: that are computed with gradients. static: without. rooted: of `kept`, in segments that
    continue nothing. joined: keys that segments which continue others gather, summed over them.
    longest: queries and keys of the longest segment with gradients. mask_values: of all attention
    masks. targets: positions whose loss counts.
    """

    num_rows: int
    num_row_tokens: int  # before sharing
    num_virtual: int
    kept: int
    static: int
    rooted: int
    joined: int
    longest: tuple[int, int]
    mask_values: int
    targets: int


@dataclass(frozen=True, kw_only=True)
class _Segment:
    start: int  # in its row: the tokens that it continues
    end: int
    is_static: bool

    @property
    def length(self) -> int:
        return self.end - self.start


def pack(batch: BatchShape) -> PackedShape:
    """The batch as the runtime packs it."""
    segments = _segments(batch)
    kept = [segment for segment in segments if not segment.is_static and segment.length]
    continued = [segment for segment in kept if segment.start]
    return PackedShape(
        num_rows=len(batch.row_lengths),
        num_row_tokens=sum(batch.row_lengths),
        num_virtual=batch.num_virtual,
        kept=sum(segment.length for segment in kept),
        static=sum(segment.length for segment in segments if segment.is_static),
        rooted=sum(segment.length for segment in kept if not segment.start),
        joined=sum(segment.end for segment in continued),
        longest=max(((s.length, s.end) for s in kept), default=(0, 0)),
        mask_values=sum(size * end for size, end in {(s.length, s.end) for s in continued}),
        targets=batch.num_targets * len(batch.row_lengths),
    )


def _segments(batch: BatchShape) -> list[_Segment]:
    lengths = batch.row_lengths
    total = sum(lengths)
    saved = batch.num_shared * (len(lengths) - 1)
    shared = batch.num_shared if saved >= _LEAST_SHARED * max(1, total) else 0
    static = batch.num_static if batch.num_static * len(lengths) >= _LEAST_STATIC * total else 0
    return [
        segment
        for row, length in enumerate(lengths)
        for segment in _cut(length, shared, static)
        if row == 0 or segment.end > shared
    ]


def _cut(length: int, shared: int, static: int) -> Sequence[_Segment]:
    bounds = [*sorted({0, shared, static} - {length}), length]
    return [
        _Segment(start=start, end=end, is_static=end <= static) for start, end in pairwise(bounds)
    ]
