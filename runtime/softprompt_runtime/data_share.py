"""Which batches a replica takes: in turn, and as many as every other replica.

A replica without a batch of its own would leave the others waiting wherever they exchange
something; it takes a row that counts nowhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar, final

from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.row_placement import TokenizedRow

_Row = TypeVar("_Row", bound=TokenizedRow)


@final
@dataclass(frozen=True, kw_only=True)
class SilentRow:
    """A row like another, without loss tokens."""

    task: str
    input_ids: tuple[int, ...]

    @property
    def loss_mask(self) -> tuple[bool, ...]:
        """Nothing is to be predicted."""
        return (False,) * len(self.input_ids)


def as_many_for_all(
    batches: Sequence[Sequence[_Row]], data: Axis
) -> list[Sequence[_Row] | Sequence[SilentRow]]:
    """This replica's batches: every size-th, filled up to as many as any replica has."""
    own: list[Sequence[_Row] | Sequence[SilentRow]] = list(data.share(batches))
    if len(own) < num_for_all(len(batches), data):
        own.append([silent(batches[0][0])])
    return own


def num_for_all(num_batches: int, data: Axis) -> int:
    """Batches of each replica."""
    return -(-num_batches // data.size)


def silent(row: TokenizedRow) -> SilentRow:
    """The row, counting nowhere."""
    return SilentRow(task=row.task, input_ids=row.input_ids)
