"""Which of a run's processes this is, and which of the others do not wait where all should."""

import os
import time
from contextlib import suppress
from typing import Any

import torch.distributed as dist

_SECONDS_TO_SAY = 5.0  # processes whose wait ran out at the same time tell each other


def is_shared() -> bool:
    """Whether this process works with others."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def own_rank() -> int:
    """This process's rank; 0 if it is alone."""
    return dist.get_rank() if is_shared() else 0


def ranks_that_do_not_wait() -> frozenset[int]:
    """The ranks that do not say, within moments, that their wait has run out too.

    Called when this process's own has. Empty where nobody can be asked: the first process, who
    keeps what all say, may be the one that is gone.
    """
    store: Any = dist.distributed_c10d._get_default_store()  # pyright: ignore
    others = set(range(dist.get_world_size())) - {own_rank()}
    waiting: set[int] = set()
    deadline = time.monotonic() + _SECONDS_TO_SAY
    with suppress(RuntimeError):
        store.set(_key(own_rank()), "")
        while time.monotonic() < deadline and waiting != others:
            waiting |= {rank for rank in others - waiting if store.check([_key(rank)])}
            time.sleep(0.1)
        return frozenset(others - waiting)
    return frozenset()


def _key(rank: int) -> str:
    return f"softprompt/waiting/{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}/{rank}"
