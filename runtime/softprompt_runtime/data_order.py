"""Which rows make which global batch: a function of the seed and the step, and of nothing else.

So a resumed run goes on exactly where it stopped, on any layout of processes.
"""

from functools import lru_cache

import numpy as np

from softprompt_runtime.schedule import steps_per_epoch


def rows_of_step(*, seed: int, step: int, num_rows: int, global_batch_size: int) -> list[int]:
    """Row numbers of the global batch of optimizer step `step`, counted from 0.

    Every epoch visits each of the `num_rows` rows of all tasks once, mixed, in an order of its own.
    The last batch of an epoch holds what is left: no row is dropped, none is seen twice.
    Raises ValueError for no rows.
    """
    if num_rows <= 0:
        raise ValueError("there are no rows to order")
    epoch, batch = divmod(step, steps_per_epoch(num_rows, global_batch_size))
    start = batch * global_batch_size
    return list(epoch_order(seed, epoch, num_rows)[start : start + global_batch_size])


@lru_cache(maxsize=2)
def epoch_order(seed: int, epoch: int, num_rows: int) -> tuple[int, ...]:
    """A permutation of the rows, the same on every machine and with every version of numpy.

    numpy promises the stream of a bit generator, but not what `permutation` makes of it (NEP 19);
    hence the sort by random keys.
    """
    keys = np.random.PCG64(np.random.SeedSequence([seed, epoch])).random_raw(num_rows)
    return tuple(np.argsort(keys, kind="stable").tolist())


def micro_batches(rows: list[int], micro_batch_size: int) -> list[list[int]]:
    """The global batch cut into forward passes of at most `micro_batch_size` rows, in order."""
    return [rows[at : at + micro_batch_size] for at in range(0, len(rows), micro_batch_size)]
