"""Completions of many prompts: batched, with a key/value cache, and the same whoever sits beside.

B rows, T tokens of a row, S tokens of a task's shared prefix, D width, P virtual tokens.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import final

import torch
from torch import Tensor

from softprompt_plan.example import Example, Unfit
from softprompt_plan.plan import InferencePlan
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.decoding import Decoding, decode
from softprompt_runtime.kv_cache import CachedRows, attention_window, read


class FinishReason(StrEnum):
    """Why a completion ends where it ends."""

    EOS = "eos"  # the model ended it
    LENGTH = "length"  # tokens_to_generate, or the model's last position
    NOT_RUN = "not_run"  # the prompt could not be run; `reason` says why


@final
@dataclass(frozen=True, kw_only=True)
class Completion:
    """What the model adds to one prompt.

    ids: new tokens without EOS. sum_logprob, mean_logprob: natural logarithms of the probabilities
    of the new tokens, EOS included, under the model as it is: before temperature, penalty and
    filters; None where nothing was generated.
    """

    ids: tuple[int, ...]
    finish_reason: FinishReason
    reason: str | None  # of NOT_RUN
    sum_logprob: float | None
    mean_logprob: float | None


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A prompt that can be run. index: among all prompts."""

    index: int
    ids: tuple[int, ...]  # -1-k is virtual token k

    @property
    def text_ids(self) -> list[int]:
        return [token_id for token_id in self.ids if token_id >= 0]


@torch.inference_mode()
def generate(
    base_model: BaseModel,
    prompts: Sequence[Example | Unfit],
    tables: Mapping[str, Tensor] | None,
    inference: InferencePlan,
    eos_id: int | None,
    *,
    only: Sequence[int] | None = None,
    on_rows_done: Callable[[int], None] | None = None,
) -> list[Completion]:
    """One completion for each prompt, in order, whether it could be run or not.

    only: indices of the prompts to complete, and no others; the completions are in this order.
    tables: (P, D) for each task; None runs the base model alone, on the same prompts without their
    virtual tokens. on_rows_done is called with the number of rows just finished. A completion does
    not depend on batch_size or on the other prompts, but for rounding; a sampled one depends on
    inference.seed and on its prompt's index. Never more than tokens_to_generate tokens, EOS among
    them. Raises KeyError for a task without a table, ValueError for a table that is too short.
    """
    done: dict[int, Completion] = {}
    runnable: dict[str, list[_Row]] = {}
    indices = range(len(prompts)) if only is None else only
    for index in indices:
        prompt = prompts[index]
        row = _row(prompt, index, base_model, with_virtual=tables is not None)
        if isinstance(row, _Row):
            runnable.setdefault(prompt.task, []).append(row)
        else:
            done[index] = row
    tell = on_rows_done or _ignore
    tell(len(done))
    for task, rows in runnable.items():
        table = None if tables is None else tables[task].to(base_model.device)
        for decodings in _decode_task(base_model, rows, table, inference, eos_id):
            done.update((decoding.index, _completion(decoding)) for decoding in decodings)
            tell(len(decodings))
    return [done[index] for index in indices]


def _ignore(_: int) -> None:
    pass


def _row(
    prompt: Example | Unfit, index: int, base_model: BaseModel, *, with_virtual: bool
) -> _Row | Completion:
    """The prompt as it is run, or why it is not."""
    if isinstance(prompt, Unfit):
        return _not_run(_does_not_fit(prompt))
    ids = tuple(i for i in prompt.input_ids if with_virtual or i >= 0)
    if not ids:
        return _not_run("there is no prompt: without virtual tokens nothing is left")
    limit = base_model.facts.max_positions
    if limit is not None and len(ids) > limit:
        return _not_run(f"the prompt has {len(ids)} tokens; the base model has {limit} positions")
    return _Row(index=index, ids=ids)


def _does_not_fit(unfit: Unfit) -> str:
    cut = "" if unfit.min_tokens == unfit.num_tokens else f", at least {unfit.min_tokens} when cut"
    return f"the prompt has {unfit.num_tokens} tokens{cut}; {unfit.max_seq_length} are allowed"


def _not_run(reason: str) -> Completion:
    return Completion(
        ids=(),
        finish_reason=FinishReason.NOT_RUN,
        reason=reason,
        sum_logprob=None,
        mean_logprob=None,
    )


def _completion(decoding: Decoding) -> Completion:
    total = sum(decoding.logprobs)
    return Completion(
        ids=tuple(decoding.ids[:-1] if decoding.reached_eos else decoding.ids),
        finish_reason=FinishReason.EOS if decoding.reached_eos else FinishReason.LENGTH,
        reason=None,
        sum_logprob=total,
        mean_logprob=total / len(decoding.logprobs),
    )


def _decode_task(
    base_model: BaseModel,
    rows: Sequence[_Row],
    table_PD: Tensor | None,
    inference: InferencePlan,
    eos_id: int | None,
) -> Iterator[list[Decoding]]:
    """Batches of finished rows, the longest prompts first: memory runs out at once or never."""
    num_shared = _num_shared(base_model, rows, inference.tokens_to_generate)
    shared = CachedRows.empty(1, base_model.device)
    if num_shared:
        _read_rows(base_model, shared, [rows[0].ids[:num_shared]], table_PD)
    by_length = sorted(rows, key=lambda row: -len(row.ids))
    for start in range(0, len(rows), inference.batch_size):
        batch = by_length[start : start + inference.batch_size]
        cached = shared.repeated(len(batch))
        own_ids = [row.ids[num_shared:] for row in batch]
        hidden_BD = _read_rows(base_model, cached, own_ids, table_PD)
        decodings = [_decoding(row, base_model, inference, eos_id) for row in batch]
        decode(base_model, cached, hidden_BD, decodings, inference)
        yield decodings


def _decoding(
    row: _Row, base_model: BaseModel, inference: InferencePlan, eos_id: int | None
) -> Decoding:
    limit = base_model.facts.max_positions
    # The last new token is never read, so it needs no position.
    room = inference.tokens_to_generate if limit is None else limit - len(row.ids) + 1
    return Decoding(
        index=row.index,
        prompt_ids=row.text_ids,
        max_tokens=min(inference.tokens_to_generate, room),
        eos_id=eos_id,
    )


def _num_shared(base_model: BaseModel, rows: Sequence[_Row], num_new: int) -> int:
    """S: tokens that all the rows begin with, leaving each row at least one of its own.

    None where a window could count the padding that then stands between the prefix and the rest.
    """
    if len(rows) < 2:
        return 0
    window = attention_window(base_model)
    if window is not None and max(len(row.ids) for row in rows) + num_new > window:
        return 0
    shortest = min(len(row.ids) for row in rows)
    # What the first and the last in order begin with, all between them begin with.
    first, last = min(row.ids for row in rows), max(row.ids for row in rows)
    return next((at for at in range(shortest - 1) if first[at] != last[at]), shortest - 1)


def _read_rows(
    base_model: BaseModel,
    cached: CachedRows,
    ids: Sequence[tuple[int, ...]],
    table_PD: Tensor | None,
) -> Tensor:
    """(B, D): the hidden state of each row's last token, after reading `ids`."""
    longest = max(map(len, ids))
    pads = [longest - len(row) for row in ids]
    mask_BT = torch.tensor([[0] * pad + [1] * (longest - pad) for pad in pads])
    mask_BT = mask_BT.to(base_model.device)
    flat_LD = _embed(base_model, [token_id for row in ids for token_id in row], table_PD)
    padded_BTD = flat_LD.new_zeros(len(ids), longest, flat_LD.shape[1])
    padded_BTD[mask_BT.bool()] = flat_LD
    return read(base_model, cached, padded_BTD, mask_BT)


def _embed(base_model: BaseModel, ids: Sequence[int], table_PD: Tensor | None) -> Tensor:
    """(len(ids), D): embeddings of text tokens, and table rows at virtual ones."""
    ids_L = torch.tensor(ids, device=base_model.device)
    text_LD = base_model.embed(ids_L.clamp(min=0))
    if table_PD is None:
        return text_LD
    virtual_L = ids_L < 0
    indices_K = -1 - ids_L[virtual_L]
    if len(indices_K) and int(indices_K.max()) >= len(table_PD):
        needed = int(indices_K.max()) + 1
        raise ValueError(f"the table has {len(table_PD)} rows, {needed} are used")
    text_LD[virtual_L] = table_PD[indices_K].to(text_LD.dtype)
    return text_LD
