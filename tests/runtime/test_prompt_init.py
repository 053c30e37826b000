"""First values of virtual tokens, over a made-up embedding and a tokenizer of letters."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from softprompt_runtime import prompt_init
from softprompt_runtime.failure import RunFailure

VOCAB = 40
WEIGHT_VD = torch.randn(VOCAB, 6, generator=torch.Generator().manual_seed(0)) * 0.1 + 0.5


def embed(ids_N: Tensor) -> Tensor:
    return WEIGHT_VD[ids_N]


@dataclass(frozen=True)
class Letter:
    ids: list[int]
    offsets: list[tuple[int, int]]


class Letters:
    """`a` is 2, `b` is 3, ...; 0 and 1 are special, ids from 28 on are halves of characters."""

    bos_id = 0
    eos_id = 1

    def encode_batch(self, texts: Sequence[str]) -> list[Letter]:
        return [
            Letter(self.encode_continuation(text), [(at, at + 1) for at in range(len(text))])
            for text in texts
        ]

    def encode_continuation(self, text: str) -> list[int]:
        return [ord(letter) - 95 for letter in text]

    def keeps_border(self, last: str, first: str) -> bool:
        return True

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(
            ("<s>", "</s>")[i] if i < 2 else chr(i + 95) if i < 28 else "\ufffd" for i in ids
        )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_a_long_text_is_cut() -> None:
    table = prompt_init.from_text(embed, Letters(), "abcde", 3)

    assert torch.equal(table, WEIGHT_VD[[2, 3, 4]])


def test_a_short_text_is_repeated() -> None:
    table = prompt_init.from_text(embed, Letters(), "ab", 5)

    assert torch.equal(table, WEIGHT_VD[[2, 3, 2, 3, 2]])


def test_a_text_without_tokens_is_a_failure() -> None:
    with pytest.raises(RunFailure, match="no tokens"):
        prompt_init.from_text(embed, Letters(), "", 5)


def test_a_label_gives_the_mean_of_its_tokens_and_labels_take_turns() -> None:
    table = prompt_init.from_class_labels(embed, Letters(), ["ab", "c"], 3)

    mean = WEIGHT_VD[[2, 3]].mean(dim=0)
    torch.testing.assert_close(table, torch.stack([mean, WEIGHT_VD[4], mean]))


def test_no_labels_are_a_failure() -> None:
    with pytest.raises(RunFailure, match="no class labels"):
        prompt_init.from_class_labels(embed, Letters(), [], 3)


def test_vocabulary_rows_are_different_tokens_that_are_text() -> None:
    table = prompt_init.from_vocabulary(embed, Letters(), VOCAB, 12, generator())

    rows = [int((row == WEIGHT_VD).all(dim=1).nonzero()) for row in table]
    assert len(set(rows)) == 12
    assert set(rows) <= set(range(2, 28))


def test_a_vocabulary_smaller_than_the_prompt_is_repeated() -> None:
    table = prompt_init.from_vocabulary(embed, Letters(), 5, 7, generator())

    assert table.shape == (7, 6)
    assert torch.equal(table[:3], table[3:6])


def test_a_vocabulary_without_any_text_still_gives_rows() -> None:
    assert prompt_init.from_vocabulary(embed, Letters(), 2, 4, generator()).shape == (4, 6)


def test_noise_has_the_mean_and_spread_of_the_embeddings() -> None:
    table = prompt_init.from_noise(embed, VOCAB, 20_000, generator())

    torch.testing.assert_close(table.mean(dim=0), WEIGHT_VD.mean(dim=0), atol=5e-3, rtol=0)
    torch.testing.assert_close(
        table.std(dim=0), WEIGHT_VD.std(dim=0, correction=0), atol=5e-3, rtol=0
    )


def test_tables_are_float32_copies_also_of_a_bfloat16_model() -> None:
    def embed_bf16(ids_N: Tensor) -> Tensor:
        return WEIGHT_VD.bfloat16()[ids_N]

    table = prompt_init.from_text(embed_bf16, Letters(), "ab", 2)

    assert table.dtype == torch.float32
    assert torch.equal(table, WEIGHT_VD.bfloat16()[[2, 3]].float())


def test_each_purpose_and_seed_has_a_generator_of_its_own() -> None:
    purposes = [(1, "init", "a"), (1, "init", "b"), (1, "input", "a"), (2, "init", "a")]

    draws = {
        torch.rand((), generator=prompt_init.generator_for(seed, *purpose)).item()
        for seed, *purpose in purposes
    }

    assert len(draws) == 4
    again = torch.rand((), generator=prompt_init.generator_for(1, "init", "a")).item()
    assert again in draws


def test_no_rows_cannot_be_repeated() -> None:
    with pytest.raises(ValueError, match="no rows"):
        prompt_init.repeat_to(torch.zeros(0, 3), 2)
