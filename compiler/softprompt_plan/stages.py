"""Which layers each pipeline stage holds. Both halves split alike: the memory plan and the run.

The slowest stage sets the pace of a pipeline, so stages are made equally slow. What a stage takes
is reckoned in products with weights, which is where nearly all time goes: those of its layers,
and on the last stage those of the head, which is taken at loss tokens only.
"""

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import NamedTuple

from softprompt_plan.plan import TaskPlan

# Share of a row's tokens that is taken to be answer where the answer alone is learned.
_ANSWER_SHARE = 0.125
# Families whose MLP has no gate beside its first product.
_UNGATED = frozenset({"gpt2", "gpt_neox"})


@dataclass(frozen=True, kw_only=True)
class LayerShape:
    """What the time of a layer and of the head follow from."""

    width: int  # D, of the hidden states
    num_heads: int
    num_kv_heads: int
    head_dim: int
    mlp_width: int
    family: str  # transformers' model_type
    vocab_size: int

    @property
    def layer_weights(self) -> int:
        """Weights that one token is multiplied with in a layer."""
        attention = 2 * (self.num_heads + self.num_kv_heads) * self.head_dim
        products = 2 if self.family in _UNGATED else 3
        return self.width * (attention + products * self.mlp_width)

    @property
    def head_weights(self) -> int:
        """Weights that one loss token is multiplied with in the head."""
        return self.width * self.vocab_size


def stage_layers(
    shape: LayerShape, num_layers: int, num_stages: int, tasks: Sequence[TaskPlan]
) -> tuple[range, ...]:
    """The layers of each stage, in order: together all, each stage at least one.

    Raises ValueError for more stages than layers.
    """
    share = _ANSWER_SHARE if all(task.answer_only_loss for task in tasks) else 1.0
    head = share * shape.head_weights / shape.layer_weights
    return split_layers([1.0] * num_layers, num_stages, last=head)


def split_layers(
    costs: Sequence[float], num_stages: int, *, first: float = 0.0, last: float = 0.0
) -> tuple[range, ...]:
    """Layers in stages of successive ones, so that the costliest stage costs as little as it can.

    first, last: what the first and the last stage cost beside their layers. Among equally good
    splits the most even one is taken (least sum of squares), and of these the one that gives the
    earlier stages fewer layers: they keep the activations of more micro-batches. Raises ValueError
    for fewer layers than stages.
    """
    if not 1 <= num_stages <= len(costs):
        raise ValueError(f"{len(costs)} layers cannot fill {num_stages} stages")
    sums = [0.0, *accumulate(costs)]

    def cost(start: int, end: int, stage: int) -> float:
        extra = (first if stage == 0 else 0.0) + (last if stage == num_stages - 1 else 0.0)
        return sums[end] - sums[start] + extra

    limit = _best(len(costs), num_stages, cost, max).value * (1 + 1e-12)

    def square(start: int, end: int, stage: int) -> float:
        found = cost(start, end, stage)
        return found * found if found <= limit else math.inf

    ends = _best(len(costs), num_stages, square, operator.add).ends
    return tuple(range(*pair) for pair in pairwise((0, *ends)))


class _Split(NamedTuple):
    value: float
    ends: tuple[int, ...]  # where each stage ends


def _best(
    num_layers: int,
    num_stages: int,
    cost: Callable[[int, int, int], float],
    combine: Callable[[float, float], float],
) -> _Split:
    """The split of least value, by dynamic programming over (stages so far, layers so far)."""
    best = {end: _Split(cost(0, end, 0), (end,)) for end in range(1, num_layers + 1)}
    for stage in range(1, num_stages):
        best = {
            end: min(
                (
                    _Split(combine(best[at].value, cost(at, end, stage)), (*best[at].ends, end))
                    for at in range(stage, end)
                ),
                key=operator.itemgetter(0),  # the first of equals: the earlier stages are shorter
            )
            for end in range(stage + 1, num_layers + 1)
        }
    return best[num_layers]
