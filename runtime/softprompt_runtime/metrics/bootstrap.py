"""Intervals of metrics by resampling the test rows: Efron and Tibshirani 1993, section 13.3.

N rows, R samples of them.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from softprompt_runtime.metrics.sample_score import Array, SampleScore

NUM_RESAMPLES = 2000
CONFIDENCE = 0.95
_CHUNK = 2**22  # counts held at once


def resampled_figures(score: SampleScore, seed: int) -> Array:
    """(R,): the metric over each of R samples of N rows, drawn with replacement.

    Equal seed and N give equal samples: the difference of two metrics on the same rows is paired.
    """
    chunks = _resamples(score.num_rows, seed)
    return np.concatenate([score.figures(counts_RN) for counts_RN in chunks])


def interval(figures_R: Array) -> tuple[float, float]:
    """Low and high end of the 95 % percentile interval."""
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(figures_R, [tail, 100 - tail])
    return float(low), float(high)


def _resamples(num_rows: int, seed: int) -> Iterator[npt.NDArray[np.float64]]:
    """(some of R, N): how often each row is in each sample."""
    random = np.random.default_rng(seed)
    size = max(1, _CHUNK // num_rows)
    for start in range(0, NUM_RESAMPLES, size):
        count = min(size, NUM_RESAMPLES - start)
        drawn = random.integers(num_rows, size=(count, num_rows))
        drawn += num_rows * np.arange(count)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=count * num_rows)
        yield counts.reshape(count, num_rows).astype(np.float64)
