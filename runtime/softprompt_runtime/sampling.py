"""Choosing the next token of each row from its logits.

B rows, V vocabulary. Order as in NeMo 1.x's generation: temperature, repetition penalty, top-k,
top-p, then a draw. Right where NeMo is not: the penalty lowers negative logits too, acts from the
first new token on, and acts in greedy decoding.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from softprompt_plan.plan import InferencePlan

_NEVER = float("-inf")


def penalize_repetition(logits_BV: Tensor, seen_BV: Tensor, penalty: float) -> Tensor:
    """(B, V): logits of seen ids divided by `penalty` if positive, multiplied if negative.

    Either way a penalty above 1 makes a seen id less likely: Keskar et al. 2019 (CTRL), section
    4.1, with the sign that the paper's formula needs. seen_BV: bool. A penalty of 1 is off.
    """
    if penalty == 1.0:
        return logits_BV
    penalized_BV = torch.where(logits_BV > 0, logits_BV / penalty, logits_BV * penalty)
    return torch.where(seen_BV, penalized_BV, logits_BV)


def keep_top_k(logits_BV: Tensor, top_k: int) -> Tensor:
    """(B, V): all but the `top_k` largest logits of a row at -inf; 0 is off.

    What equals the k-th largest is kept too, so that no id is preferred for its number.
    """
    if top_k <= 0 or top_k >= logits_BV.shape[-1]:
        return logits_BV
    smallest_kept_B1 = logits_BV.topk(top_k, dim=-1).values[..., -1:]
    return logits_BV.masked_fill(logits_BV < smallest_kept_B1, _NEVER)


def keep_top_p(logits_BV: Tensor, top_p: float) -> Tensor:
    """(B, V): logits outside the nucleus of probability `top_p` at -inf: Holtzman et al. 2020.

    The nucleus is the most likely ids up to and including the first one that takes their sum above
    `top_p`: never empty. Of equal logits the lower id comes first. <= 0 and >= 1 are off.
    """
    if top_p <= 0.0 or top_p >= 1.0:
        return logits_BV
    sorted_BV, ids_BV = logits_BV.sort(dim=-1, descending=True, stable=True)
    probabilities_BV = sorted_BV.double().softmax(dim=-1)
    before_BV = probabilities_BV.cumsum(dim=-1) - probabilities_BV
    outside_BV = before_BV > top_p
    outside_BV[..., 0] = False
    return logits_BV.masked_fill(outside_BV.scatter(-1, ids_BV, outside_BV), _NEVER)


def filter_logits(logits_BV: Tensor, seen_BV: Tensor, inference: InferencePlan) -> Tensor:
    """(B, V): the logits that a sample is drawn from; -inf for ids that cannot be drawn.

    seen_BV: bool, the ids that are in the row already, prompt included.
    """
    logits_BV = logits_BV / inference.temperature
    logits_BV = penalize_repetition(logits_BV, seen_BV, inference.repetition_penalty)
    return keep_top_p(keep_top_k(logits_BV, inference.top_k), inference.top_p)


def choose_tokens(
    logits_BV: Tensor, seen_BV: Tensor, inference: InferencePlan, uniforms_B: Tensor
) -> Tensor:
    """(B,): each row's next id.

    Greedy: the largest logit after the repetition penalty, the lowest id of equals; temperature,
    top-k and top-p cannot change it. Else a draw with `uniforms_B`, float64 in [0, 1).
    """
    if inference.greedy:
        return penalize_repetition(logits_BV, seen_BV, inference.repetition_penalty).argmax(dim=-1)
    return _draw(filter_logits(logits_BV, seen_BV, inference), uniforms_B)


def row_uniforms(seed: int, rows: Sequence[int], num_draws: int) -> Tensor:
    """(len(rows), num_draws) float64 in [0, 1): a row's draws depend on the seed and on its index.

    Not on its batch mates, the batch size or the device.
    """
    drawn = [np.random.default_rng([seed, row]).random(num_draws) for row in rows]
    return torch.from_numpy(np.stack(drawn))


def _draw(logits_BV: Tensor, uniforms_B: Tensor) -> Tensor:
    """The first id whose cumulative probability exceeds the row's uniform number."""
    cumulative_BV = logits_BV.double().softmax(dim=-1).cumsum(dim=-1)
    total_B1 = cumulative_BV[:, -1:]
    below_BV = cumulative_BV <= uniforms_B[:, None] * total_B1
    # Rounding may bring u * total up to total; the last id with a probability is meant then.
    last_B = (cumulative_BV < total_B1).sum(dim=-1)
    return torch.minimum(below_BV.sum(dim=-1), last_B)
