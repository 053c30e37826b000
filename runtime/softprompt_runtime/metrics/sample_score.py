"""A metric over any sample of the same rows, which is what resampling needs.

N rows, R samples of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class SampleScore:
    """figures: (R, N), how often each row is in each sample -> (R,), each sample's metric.

    Metrics are in percent. There is at least one row, and no sample is empty.
    """

    num_rows: int
    figures: Callable[[Array], Array]

    @property
    def figure(self) -> float:
        """The metric over all rows, each once."""
        return float(self.figures(np.ones((1, self.num_rows)))[0])


def mean_of(values: Sequence[float]) -> SampleScore:
    """A metric that is the mean of one number a row, each from 0 to 1."""
    values_N = np.array(values, dtype=np.float64)

    def figures(counts_RN: Array) -> Array:
        return 100 * (counts_RN @ values_N) / counts_RN.sum(axis=1)

    return SampleScore(num_rows=len(values), figures=figures)
