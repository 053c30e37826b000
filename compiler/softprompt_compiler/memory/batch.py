"""The micro-batch that memory is reckoned for, as the runtime lays it out (row_placement.py).

Rows lie end to end without padding. What all of them begin with is computed once; text before the
first virtual token is computed apart, without gradients, and only its keys and values are seen by
the rest.
"""

from dataclasses import dataclass
from itertools import pairwise

# runtime's row_placement: below these shares of the tokens, sharing and setting apart do not pay
_LEAST_SHARED = 0.02
_LEAST_STATIC = 0.1


@dataclass(frozen=True, kw_only=True)
class BatchShape:
    """Equally long rows of one task in one micro-batch.

    num_shared: tokens that all rows begin with, virtual ones included. num_static: text tokens of a
    row before its first virtual one. num_virtual: of a row. num_targets: loss tokens of a row.
    """

    num_rows: int
    row_length: int
    num_shared: int
    num_static: int
    num_virtual: int
    num_targets: int

    @property
    def num_tokens(self) -> int:
        """Of all rows."""
        return self.num_rows * self.row_length


@dataclass(frozen=True, kw_only=True)
class PackedShape:
    """Counts of tokens in a packed batch.

    kept: that are computed with gradients. static: without. rooted: of `kept`, in segments that
    continue nothing. joined: keys that segments which continue others gather, summed over them.
    longest: queries and keys of the longest segment with gradients. mask_values: of all attention
    masks, of which equal segments share one. all_mask_values: were each segment to have its own.
    targets: positions whose loss counts.
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
    all_mask_values: int
    targets: int


@dataclass(frozen=True, kw_only=True)
class _Segment:
    """So many segments that continue `start` tokens of a row and end at `end`."""

    number: int
    start: int
    end: int
    is_static: bool

    @property
    def length(self) -> int:
        return self.end - self.start


def pack(batch: BatchShape) -> PackedShape:
    """The batch as the runtime packs it."""
    segments = _segments(batch)
    kept = [each for each in segments if not each.is_static and each.length]
    continued = [each for each in kept if each.start]
    masks = [each.length * each.end for each in continued]
    return PackedShape(
        num_rows=batch.num_rows,
        num_row_tokens=batch.num_tokens,
        num_virtual=batch.num_virtual,
        kept=sum(each.number * each.length for each in kept),
        static=sum(each.number * each.length for each in segments if each.is_static),
        rooted=sum(each.number * each.length for each in kept if not each.start),
        joined=sum(each.number * each.end for each in continued),
        longest=max(((each.length, each.end) for each in kept), default=(0, 0)),
        mask_values=sum(masks),
        all_mask_values=sum(
            each.number * values for each, values in zip(continued, masks, strict=True)
        ),
        targets=batch.num_targets * batch.num_rows,
    )


def _segments(batch: BatchShape) -> list[_Segment]:
    saved = batch.num_shared * (batch.num_rows - 1)
    shared = batch.num_shared if saved >= _LEAST_SHARED * max(1, batch.num_tokens) else 0
    is_apart = batch.num_static >= _LEAST_STATIC * batch.row_length
    static = batch.num_static if is_apart else 0
    bounds = [*sorted({0, shared, static} - {batch.row_length}), batch.row_length]
    return [
        _Segment(
            number=1 if end <= shared < batch.row_length else batch.num_rows,
            start=start,
            end=end,
            is_static=end <= static,
        )
        for start, end in pairwise(bounds)
    ]
