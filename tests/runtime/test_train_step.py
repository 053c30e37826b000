"""The gradient of one optimizer step, against the plain way to compute it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from softprompt_plan.example import Example
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.train_step import GlobalBatch, accumulate_gradients, pack_global_batch
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import Ready, make_ready, write_rows


@pytest.fixture
def ready(folder: Path) -> Ready:
    write_rows(folder, "other")
    tasks = (tiny_task(), tiny_task("other", virtual_token_splits=(3,), answer_only_loss=False))
    ready = make_ready(tiny_plan(tasks=tasks), folder)
    with torch.no_grad():  # away from the start, where the encoder's first layers get no gradient
        for parameter in ready.learner.trainable_parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return ready


def rows_of(ready: Ready, numbers: Sequence[int]) -> list[Example]:
    rows = [ready.train[number] for number in numbers]
    return [row for row in rows if isinstance(row, Example)]


def gradients(ready: Ready, batch: GlobalBatch) -> tuple[float, list[Tensor]]:
    ready.learner.zero_grad()
    loss = accumulate_gradients(ready.base_model, ready.learner, batch, Tensor.backward)
    return loss.item(), taken(ready.learner)


def taken(learner: PromptLearner) -> list[Tensor]:
    return [
        torch.zeros_like(p) if p.grad is None else p.grad.clone()
        for p in learner.trainable_parameters()
    ]


def plain(ready: Ready, rows: Sequence[Example]) -> tuple[float, list[Tensor]]:
    """Row by row, through transformers' own forward and one backward."""
    ready.learner.zero_grad()
    tables = ready.learner.tables()
    model: Any = ready.base_model.hf_model
    losses: list[Tensor] = []
    for row in rows:
        words_TD = model.get_input_embeddings()(torch.tensor([max(i, 0) for i in row.input_ids]))
        pieces = [
            words_TD[at] if token >= 0 else tables[row.task][-1 - token]
            for at, token in enumerate(row.input_ids)
        ]
        logits_TV = model(inputs_embeds=torch.stack(pieces)[None]).logits[0]
        counted = [at for at in range(1, len(row.input_ids)) if row.loss_mask[at]]
        targets = torch.tensor([row.input_ids[at] for at in counted])
        before = torch.tensor(counted) - 1
        losses.append(nn.functional.cross_entropy(logits_TV[before], targets, reduction="none"))
    loss = torch.cat(losses).mean()
    loss.backward()
    return loss.item(), taken(ready.learner)


def test_loss_and_gradient_are_those_of_plain_rows(ready: Ready) -> None:
    numbers = [0, 1, 2, 10, 11, 12]
    batch = pack_global_batch([rows_of(ready, numbers)])

    loss, found = gradients(ready, batch)
    expected_loss, expected = plain(ready, rows_of(ready, numbers))

    assert loss == pytest.approx(expected_loss, rel=1e-5)
    for left, right in zip(found, expected, strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-4)
    assert all(gradient.abs().max() > 1e-5 for gradient in found)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_neither_depends_on_how_rows_are_spread(ready: Ready, size: int) -> None:
    numbers = [0, 12, 3, 15, 1]
    whole = gradients(ready, pack_global_batch([rows_of(ready, numbers)]))
    parts = [rows_of(ready, numbers[at : at + size]) for at in range(0, len(numbers), size)]

    loss, found = gradients(ready, pack_global_batch(parts))

    assert loss == pytest.approx(whole[0], rel=1e-6)
    for left, right in zip(found, whole[1], strict=True):
        torch.testing.assert_close(left, right, atol=1e-6, rtol=1e-5)


def test_the_encoder_runs_once_however_many_micro_batches(
    ready: Ready, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    tables = PromptLearner.tables

    def counting(self: PromptLearner) -> dict[str, Tensor]:
        calls.append(1)
        return tables(self)

    monkeypatch.setattr(PromptLearner, "tables", counting)
    gradients(ready, pack_global_batch([rows_of(ready, [at]) for at in range(5)]))

    assert len(calls) == 1


def test_a_task_that_is_not_in_the_batch_gets_no_gradient(ready: Ready) -> None:
    gradients(ready, pack_global_batch([rows_of(ready, [0, 1])]))

    assert ready.learner.get_parameter("_rows.0").grad is not None
    assert ready.learner.get_parameter("_rows.1").grad is None


def test_a_batch_without_loss_tokens_has_loss_0_and_no_gradient(ready: Ready) -> None:
    (row,) = rows_of(ready, [0])
    silent = Example(
        task=row.task,
        input_ids=row.input_ids,
        answer_start=None,
        loss_mask=(False,) * len(row.input_ids),
        cut=(),
        cut_spans=(),
    )

    loss, found = gradients(ready, pack_global_batch([[silent]]))

    assert loss == 0.0
    assert all(not gradient.any() for gradient in found)


def test_a_factor_on_the_loss_reaches_the_parameters(ready: Ready) -> None:
    batch = pack_global_batch([rows_of(ready, [0, 1]), rows_of(ready, [2])])
    plain_loss, once = gradients(ready, batch)

    ready.learner.zero_grad()

    def scaled(loss: Tensor) -> None:
        (1024 * loss).backward()

    loss = accumulate_gradients(ready.base_model, ready.learner, batch, scaled)

    assert loss.item() == plain_loss
    for left, right in zip(taken(ready.learner), once, strict=True):
        torch.testing.assert_close(left, 1024 * right)


def test_the_base_model_gets_no_gradient(ready: Ready) -> None:
    gradients(ready, pack_global_batch([rows_of(ready, [0, 1])]))

    assert all(p.grad is None for p in ready.base_model.hf_model.parameters())
