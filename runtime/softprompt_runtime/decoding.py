"""The loop that adds tokens to rows already read, until each is finished.

B rows still going, T new tokens (1), D width, V vocabulary, N draws of a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from softprompt_plan.plan import InferencePlan
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.kv_cache import CachedRows, read
from softprompt_runtime.sampling import choose_tokens, row_uniforms


@final
@dataclass(kw_only=True)
class Decoding:
    """One row's completion while it grows.

    index: of the row among all prompts; it seeds the row's draws. prompt_ids: text tokens only.
    ids: new tokens, EOS included. logprobs: of each, in nats, under the model as it is: before
    temperature, penalty and filters.
    """

    index: int
    prompt_ids: Sequence[int]
    max_tokens: int
    eos_id: int | None
    ids: list[int] = field(default_factory=list[int])
    logprobs: list[float] = field(default_factory=list[float])

    @property
    def reached_eos(self) -> bool:
        """Whether the model ended the completion itself."""
        return self.eos_id is not None and self.ids[-1:] == [self.eos_id]

    @property
    def finished(self) -> bool:
        """Whether the row needs no more tokens."""
        return self.reached_eos or len(self.ids) >= self.max_tokens


def decode(
    base_model: BaseModel,
    rows: CachedRows,
    hidden_BD: Tensor,
    decodings: Sequence[Decoding],
    inference: InferencePlan,
) -> None:
    """Complete each row, filling its Decoding.

    rows, hidden_BD: the prompts as read, and the hidden state of each prompt's last token. A row
    that is finished leaves the batch at once, its keys and values with it.
    """
    going = list(decodings)
    seen_BV = _seen(going, base_model)
    draws = row_uniforms(
        inference.seed, [row.index for row in going], max(row.max_tokens for row in going)
    )
    uniforms_BN = draws.to(base_model.device)
    step = 0
    while True:
        ids_B = _next_tokens(base_model, hidden_BD, seen_BV, inference, uniforms_BN[:, step], going)
        kept = [at for at, row in enumerate(going) if not row.finished]
        if not kept:
            return
        seen_BV.scatter_(1, ids_B[:, None], value=True)
        if len(kept) < len(going):
            kept_B = torch.tensor(kept, device=base_model.device)
            going = [going[at] for at in kept]
            rows.keep(kept_B)
            ids_B, seen_BV, uniforms_BN = ids_B[kept_B], seen_BV[kept_B], uniforms_BN[kept_B]
        new_B1D = base_model.embed(ids_B)[:, None]
        hidden_BD = read(base_model, rows, new_B1D, torch.ones_like(ids_B)[:, None])
        step += 1


def _next_tokens(
    base_model: BaseModel,
    hidden_BD: Tensor,
    seen_BV: Tensor,
    inference: InferencePlan,
    uniforms_B: Tensor,
    going: Sequence[Decoding],
) -> Tensor:
    """(B,): each row's next id, noted in its Decoding with its log probability.

    The last pipeline stage chooses, and tells the others.
    """
    chosen_2B = hidden_BD.new_zeros(2, len(going), dtype=torch.float64)  # holds any id exactly
    if base_model.stage.is_last:
        logits_BV = base_model.project(hidden_BD).float()
        ids_B = choose_tokens(logits_BV, seen_BV, inference, uniforms_B)
        logprobs_B = logits_BV.log_softmax(dim=-1).gather(1, ids_B[:, None])[:, 0]
        chosen_2B = torch.stack((ids_B.double(), logprobs_B.double()))
    pipeline = base_model.mesh.pipeline
    chosen_2B = pipeline.copy_from(pipeline.size - 1, chosen_2B)
    if base_model.mesh.shares_weights:  # rounding must not part replicas that go step by step
        chosen_2B = base_model.mesh.data.copy_from(0, chosen_2B)
    ids_B, logprobs_B = chosen_2B
    ids_B = ids_B.long()
    for row, token_id, logprob in zip(going, ids_B.tolist(), logprobs_B.tolist(), strict=True):
        row.ids.append(token_id)
        row.logprobs.append(logprob)
    return ids_B


def _seen(rows: Sequence[Decoding], base_model: BaseModel) -> Tensor:
    """(B, V) bool: which ids are in each row's prompt. Virtual tokens have no id."""
    seen_BV = torch.zeros(
        len(rows), base_model.vocab_size, dtype=torch.bool, device=base_model.device
    )
    for at, row in enumerate(rows):
        seen_BV[at, list(row.prompt_ids)] = True
    return seen_BV
