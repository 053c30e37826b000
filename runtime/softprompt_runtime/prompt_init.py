"""First values of virtual tokens: pure functions to (P, D) float32 on the CPU.

N rows to choose from, P virtual tokens of a task, D width. `embed` gives embeddings as the first
block expects them, so that a virtual token starts as what a real token there would be.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from softprompt_plan.example import Tokenizer
from softprompt_runtime.failure import RunFailure

Embed: TypeAlias = Callable[[Tensor], Tensor]  # token ids (N,) to embeddings (N, D)

# Lester et al. 2021, section 3.2, sample from the 5,000 most common tokens; a BPE vocabulary is
# numbered in the order of its merges, so its first ids are the common ones.
_NUM_COMMON = 5000


def from_text(embed: Embed, tokenizer: Tokenizer, text: str, num_rows: int) -> Tensor:
    """The text's tokens, cut after P or repeated up to P, as NeMo does.

    Raises RunFailure for a text without tokens.
    """
    return repeat_to(_embeddings(embed, _ids_of(tokenizer, text)), num_rows)


def from_class_labels(
    embed: Embed, tokenizer: Tokenizer, labels: Sequence[str], num_rows: int
) -> Tensor:
    """A row a label, the mean of its tokens, repeated over the labels up to P.

    After Lester et al. 2021, section 3.2. Raises RunFailure for a label without tokens, or for no
    labels at all.
    """
    if not labels:
        raise RunFailure("There are no class labels to start the virtual tokens from")
    means = [_embeddings(embed, _ids_of(tokenizer, label)).mean(dim=0) for label in labels]
    return repeat_to(torch.stack(means), num_rows)


def from_vocabulary(
    embed: Embed, tokenizer: Tokenizer, vocab_size: int, num_rows: int, generator: torch.Generator
) -> Tensor:
    """P different common tokens that are text by themselves; with fewer of them, repeated.

    Special tokens, halves of characters and mere white space are left out.
    """
    order = torch.randperm(min(vocab_size, _NUM_COMMON), generator=generator).tolist()
    chosen: list[int] = []
    for token_id in order:
        if len(chosen) == num_rows:
            break
        if _is_text(tokenizer, token_id):
            chosen.append(token_id)
    return repeat_to(_embeddings(embed, chosen or order[:num_rows]), num_rows)


def from_noise(embed: Embed, vocab_size: int, num_rows: int, generator: torch.Generator) -> Tensor:
    """Normal noise with the mean and standard deviation of the embeddings, in each dimension.

    Not N(0, 1), which is tens of times the size of a language model's embeddings.
    """
    rows_ND = _embeddings(embed, list(range(min(vocab_size, _NUM_COMMON))))
    std_D, mean_D = torch.std_mean(rows_ND, dim=0, correction=0)
    return mean_D + std_D * torch.randn(num_rows, rows_ND.shape[1], generator=generator)


def repeat_to(rows_ND: Tensor, num_rows: int) -> Tensor:
    """(P, D): the first P rows, or all rows again and again. Raises ValueError for no rows."""
    if not len(rows_ND):
        raise ValueError("there are no rows to repeat")
    copies = -(-num_rows // len(rows_ND))
    return rows_ND.repeat(copies, 1)[:num_rows].clone()


def generator_for(seed: int, *purpose: str) -> torch.Generator:
    """A CPU generator of its own for each purpose, such as one task's first values.

    So a task starts from the same values whatever other tasks there are and whatever ran before.
    """
    digest = hashlib.sha256(repr((seed, *purpose)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def _ids_of(tokenizer: Tokenizer, text: str) -> list[int]:
    ids = list(tokenizer.encode_batch([text])[0].ids)
    if not ids:
        raise RunFailure(f"The init text {text!r} has no tokens")
    return ids


def _embeddings(embed: Embed, ids: Sequence[int]) -> Tensor:
    return embed(torch.tensor(ids, dtype=torch.int64)).detach().float().cpu()


def _is_text(tokenizer: Tokenizer, token_id: int) -> bool:
    """Whether some text becomes this token: none becomes a special one, or half a character."""
    text = tokenizer.decode([token_id])
    return bool(text.strip()) and tokenizer.encode_continuation(text) == [token_id]
