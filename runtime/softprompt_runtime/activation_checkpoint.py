"""Activations that are computed again in the backward pass instead of being kept.

full: a block keeps what goes into it, and runs once more (Chen et al. 2016). selective: what takes
much memory and little time, the core of attention above all, runs once more, and the outputs of the
matrix products with weights are kept (Korthikanti et al. 2022, section 5). The same kernels run on
the same numbers, so that losses and gradients stay the same bit for bit. A frozen model is in eval
mode: no random state needs to be brought back.
"""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, ParamSpec, TypeVar

import torch
from torch.utils.checkpoint import (
    CheckpointPolicy,
    checkpoint,
    create_selective_checkpoint_contexts,
)
from transformers.modeling_layers import GradientCheckpointingLayer

from softprompt_plan.vocabulary import ActivationsCheckpoint

P = ParamSpec("P")
T = TypeVar("T")
Context = Callable[[], AbstractContextManager[Any]]

# Products with a weight. Those of queries, keys and values with each other are batched products.
_KEPT = {torch.ops.aten.mm.default, torch.ops.aten.addmm.default}


def recomputed(function: Callable[P, T]) -> Callable[P, T]:
    """The same function: of a call that needs gradients, only the arguments are kept."""

    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        if not torch.is_grad_enabled():
            return function(*args, **kwargs)
        result: Any = checkpoint(
            function, *args, use_reentrant=False, preserve_rng_state=False, **kwargs
        )
        return result

    return run


@contextmanager
def checkpointed_blocks(
    trunk: Any, kind: ActivationsCheckpoint, context: Context = nullcontext
) -> Generator[None]:
    """Within, the blocks of a transformers trunk keep what `kind` says.

    context: what a block must run in; entered anew when it runs again, which is after this one has
    ended. The trunk is as it was afterwards.
    """
    if kind is ActivationsCheckpoint.NONE or not torch.is_grad_enabled():
        yield
        return
    blocks = [block for block in trunk.modules() if isinstance(block, GradientCheckpointingLayer)]
    for block in blocks:
        block.forward = partial(_run_block, block.forward, kind, context)
    try:
        yield
    finally:
        for block in blocks:
            del block.forward


def _run_block(
    forward: Callable[..., Any],
    kind: ActivationsCheckpoint,
    context: Context,
    *args: Any,
    **kwargs: Any,
) -> Any:
    return checkpoint(
        forward,
        *args,
        use_reentrant=False,
        preserve_rng_state=False,
        context_fn=partial(_contexts, kind, context),
        **kwargs,
    )


def _contexts(
    kind: ActivationsCheckpoint, context: Context
) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
    """What a block runs in, the first time and again."""
    if kind is ActivationsCheckpoint.FULL:
        return nullcontext(), context()
    first, again = create_selective_checkpoint_contexts(_policy)
    return first, _both(context(), again)


@contextmanager
def _both(
    outer: AbstractContextManager[Any], inner: AbstractContextManager[Any]
) -> Generator[None]:
    with outer, inner:
        yield


def _policy(_: Any, operator: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    kept = operator in _KEPT
    return CheckpointPolicy.MUST_SAVE if kept else CheckpointPolicy.PREFER_RECOMPUTE
