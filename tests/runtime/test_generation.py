"""Batched, cached generation against the plainest decoding there is: one row, no cache."""

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from softprompt_plan.example import Example, Unfit, UnfitReason
from softprompt_plan.plan import InferencePlan
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.generation import Completion, FinishReason, generate
from tests.tiny_models import VOCAB_SIZE, WIDTH, tiny_hf_model

torch.set_num_threads(1)

FAMILIES = [
    "llama",
    "mistral",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "granite",
    "cohere",
    "gpt2",
    "gpt_neox",
    "bloom",
    "opt",
    "gpt_oss",
]


def inference(**changes: Any) -> InferencePlan:
    values: dict[str, Any] = {
        "greedy": True,
        "add_bos": False,
        "tokens_to_generate": 6,
        "top_k": 0,
        "top_p": 1.0,
        "temperature": 1.0,
        "repetition_penalty": 1.0,
        "batch_size": 4,
        "seed": 1,
    }
    return InferencePlan(**(values | changes))


def example(ids: Sequence[int], task: str = "a") -> Example:
    return Example(
        task=task,
        input_ids=tuple(ids),
        answer_start=None,
        loss_mask=(False,) * len(ids),
        cut=(),
    )


def prompts() -> list[Example]:
    """Two tasks; virtual tokens in front, in the middle and at the end; 2 to 19 tokens."""
    random = torch.Generator().manual_seed(5)

    def text(n: int) -> list[int]:
        return torch.randint(3, VOCAB_SIZE, (n,), generator=random).tolist()

    fronts = [example([-1, -2, 7, 8, *text(n), -3]) for n in (1, 9, 4, 14)]
    middles = [example([*text(n), -1, -2, -3, *text(2)], "b") for n in (3, 11, 1, 6)]
    return [row for pair in zip(fronts, middles, strict=True) for row in pair]


def tables() -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(6)
    return {task: torch.randn(3, WIDTH, generator=random) for task in ("a", "b")}


@cache
def tiny(family: str) -> BaseModel:
    return BaseModel(tiny_hf_model(family))


@torch.no_grad()
def plain_greedy(
    base_model: BaseModel, row: Example, table: Tensor | None, num_tokens: int
) -> list[int]:
    """The row's continuation, each token from a forward pass over everything before it."""
    embed = base_model.hf_model.get_input_embeddings()
    kept = [i for i in row.input_ids if i >= 0 or table is not None]
    vectors = [embed(torch.tensor(i)) if i >= 0 else table[-1 - i] for i in kept]  # pyright: ignore
    chosen: list[int] = []
    for _ in range(num_tokens):
        logits = base_model.hf_model(inputs_embeds=torch.stack(vectors)[None], use_cache=False)
        chosen.append(int(logits.logits[0, -1].argmax()))
        vectors.append(embed(torch.tensor(chosen[-1])))
    return chosen


def ids(completions: Sequence[Completion]) -> list[list[int]]:
    return [list(completion.ids) for completion in completions]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tuned", [True, False])
def test_batches_with_a_cache_generate_what_one_row_without_generates(
    family: str, tuned: bool
) -> None:
    model, soft = tiny(family), tables() if tuned else None
    expected = [plain_greedy(model, row, soft[row.task] if soft else None, 4) for row in prompts()]

    for size in (1, 3):
        plan = inference(batch_size=size, tokens_to_generate=4)
        actual = generate(model, prompts(), soft, plan, None)
        assert ids(actual) == expected, size


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_row_that_ends_early_leaves_the_others_as_they_are(family: str) -> None:
    model = tiny(family)
    free = ids(generate(model, prompts(), tables(), inference(), None))
    eos = free[2][1]  # ends one row at its second token, perhaps others elsewhere

    actual = generate(model, prompts(), tables(), inference(batch_size=8), eos)

    for completion, whole in zip(actual, free, strict=True):
        ended = eos in whole
        assert list(completion.ids) == (whole[: whole.index(eos)] if ended else whole)
        assert completion.finish_reason == (FinishReason.EOS if ended else FinishReason.LENGTH)
    assert {c.finish_reason for c in actual} == {FinishReason.EOS, FinishReason.LENGTH}


def test_a_sampled_row_does_not_depend_on_its_batch_mates() -> None:
    model, plan = tiny("llama"), inference(greedy=False, temperature=0.7, top_k=20)

    together = generate(model, prompts(), tables(), inference(greedy=False), None)
    alone = generate(model, prompts(), tables(), inference(greedy=False, batch_size=1), None)
    first = generate(model, prompts()[:1], tables(), inference(greedy=False), None)

    assert ids(together) == ids(alone)
    assert ids(first) == ids(together)[:1]
    assert ids(generate(model, prompts(), tables(), plan, None)) != ids(together)
    assert ids(generate(model, prompts(), tables(), inference(greedy=False, seed=2), None)) != ids(
        together
    )


def test_equal_prompts_draw_apart() -> None:
    rows = [prompts()[0]] * 4

    actual = generate(tiny("llama"), rows, tables(), inference(greedy=False), None)

    assert len({completion.ids for completion in actual}) > 1


def test_the_repetition_penalty_acts_on_the_first_token_too() -> None:
    one = inference(tokens_to_generate=1)
    rows = [example([i, j], "b") for i in range(3, 30) for j in range(3, 30)]
    free = generate(tiny("llama"), rows, None, one, None)
    repeating = [r for r, c in zip(rows, free, strict=True) if c.ids[0] in r.input_ids]

    actual = generate(
        tiny("llama"),
        repeating,
        None,
        inference(tokens_to_generate=1, repetition_penalty=9.0),
        None,
    )

    assert repeating
    assert all(c.ids[0] not in r.input_ids for r, c in zip(repeating, actual, strict=True))


def test_with_a_huge_penalty_nothing_is_said_twice() -> None:
    plan = inference(tokens_to_generate=12, repetition_penalty=1e6)

    for row, completion in zip(
        prompts(), generate(tiny("gpt2"), prompts(), tables(), plan, None), strict=True
    ):
        said = [i for i in row.input_ids if i >= 0]
        assert len(set(completion.ids)) == 12
        assert not set(completion.ids) & set(said)


def test_scores_are_the_models_own_log_probabilities() -> None:
    model, row = tiny("llama"), prompts()[3]
    plan = inference(tokens_to_generate=3, greedy=False, temperature=2.0, top_k=9)
    chosen = list(generate(model, [row], tables(), plan, None)[0].ids)
    embed = model.hf_model.get_input_embeddings()
    vectors = [
        embed(torch.tensor(i)) if i >= 0 else tables()[row.task][-1 - i]
        for i in (*row.input_ids, *chosen)
    ]
    with torch.no_grad():
        logits = model.hf_model(inputs_embeds=torch.stack(vectors)[None]).logits[0]
    logprobs = logits.log_softmax(-1)[-4:-1].gather(1, torch.tensor(chosen)[:, None])

    actual = generate(model, [row], tables(), plan, None)[0]

    assert actual.sum_logprob == pytest.approx(logprobs.sum().item(), abs=1e-4)
    assert actual.mean_logprob == pytest.approx(logprobs.mean().item(), abs=1e-4)


def test_every_row_has_a_completion_also_one_that_does_not_fit() -> None:
    rows: list[Any] = [unfit("a"), *prompts()[:2], unfit("b"), example([5] * 65), example([-1])]

    tuned = generate(tiny("gpt2"), rows, tables(), inference(), None)
    untuned = generate(tiny("gpt2"), rows, None, inference(), None)

    assert [c.finish_reason == FinishReason.NOT_RUN for c in tuned] == [1, 0, 0, 1, 1, 0]
    assert [c.finish_reason == FinishReason.NOT_RUN for c in untuned] == [1, 0, 0, 1, 1, 1]
    assert tuned[0].reason == "the prompt has 99 tokens, at least 70 when cut; 64 are allowed"
    assert tuned[4].reason == "the prompt has 65 tokens; the base model has 64 positions"
    assert all(c.reason and c.sum_logprob is None for c in untuned if not c.ids)
    assert ids(tuned)[1:3] == ids(
        generate(tiny("gpt2"), prompts()[:2], tables(), inference(), None)
    )


def test_generation_stops_at_the_models_last_position() -> None:
    row = example([5, *range(3, 62)])  # 60 of 64 positions

    actual = generate(tiny("gpt2"), [row], tables(), inference(tokens_to_generate=20), None)[0]

    assert (len(actual.ids), actual.finish_reason) == (5, FinishReason.LENGTH)


def test_progress_adds_up_to_all_rows() -> None:
    rows: list[Any] = [*prompts(), unfit("a")]
    told: list[int] = []

    generate(tiny("gpt2"), rows, tables(), inference(), None, on_rows_done=told.append)

    assert sum(told) == len(rows)
    assert len(told) > 2


def test_no_prompts_give_no_completions() -> None:
    assert generate(tiny("gpt2"), [], tables(), inference(), None) == []


def test_a_table_that_is_too_short_is_refused() -> None:
    short: Mapping[str, Tensor] = {task: table[:2] for task, table in tables().items()}

    with pytest.raises(ValueError, match="the table has 2 rows, 3 are used"):
        generate(tiny("gpt2"), prompts(), short, inference(), None)


def test_what_a_task_begins_with_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("llama")
    embedded: list[int] = []
    embed: Callable[[Tensor], Tensor] = model.embed

    def counted(ids_L: Tensor) -> Tensor:
        embedded.append(len(ids_L))
        return embed(ids_L)

    monkeypatch.setattr(model, "embed", counted)
    rows = [example([*range(3, 43), last]) for last in (50, 51, 52)]
    generate(model, rows, tables(), inference(tokens_to_generate=1, batch_size=2), None)

    assert embedded == [40, 2, 1]


def test_a_model_with_another_state_than_keys_and_values_is_refused() -> None:
    model = tiny_hf_model("llama")
    base_model = BaseModel(model)
    model.config.layer_types = ["linear_attention", "full_attention", "full_attention"]

    with pytest.raises(RunFailure, match="linear_attention layers"):
        generate(base_model, prompts(), tables(), inference(), None)


@pytest.mark.skipif("SOFTPROMPT_DATA" not in os.environ, reason="needs SOFTPROMPT_DATA")
def test_a_model_that_sorts_still_sorts_in_batches() -> None:
    folder = Path(os.environ["SOFTPROMPT_DATA"]) / "gpt2_nano_sort"
    model = BaseModel(AutoModelForCausalLM.from_pretrained(folder))
    rows = list(itertools.product(range(3), repeat=6))

    actual = generate(model, [example(r) for r in rows], None, inference(batch_size=81), None)

    assert ids(actual) == [sorted(row) for row in rows]


def unfit(task: str) -> Unfit:
    return Unfit(
        task=task,
        reason=UnfitReason.CUT_TOO_LITTLE,
        num_tokens=99,
        min_tokens=70,
        max_seq_length=64,
    )
