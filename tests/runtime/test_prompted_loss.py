"""The packed loss against a plain computation, one row at a time, with the model's own forward."""

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from softprompt_runtime import prompted_loss
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.packing import pack
from softprompt_runtime.prompted_loss import loss_sums, target_losses
from tests.runtime.test_packing import Row, row
from tests.tiny_models import WIDTH, tiny_hf_model

torch.set_num_threads(1)
FAMILIES = ["llama", "gpt2", "gpt_neox", "qwen2", "mistral", "gemma2", "granite", "cohere", "bloom"]
ROWS = [
    row([-1, -2, 7, 9, 11, -3, 13], [0, 0, 0, 1, 0, 0, 1]),
    row([-1, -2, 7, 9, 20, 21, -3, 22, 23, 24], [0] * 7 + [1, 1, 1]),
    row([5, -1, 6], [1, 0, 1], task="b"),
    row([-1, -2, 7, 9]),
    row([30], [1], task="c"),
    row([], task="b"),
]
# virtual tokens after text of the row's own, loss on text before them, a row without any
LATE_ROWS = [
    row([7, 9, 11, 12, 13, -1, -2, 6], [0, 1, 0, 0, 1, 0, 0, 1]),
    row([7, 9, 20, -1, -2, 21, 22], [0, 0, 1, 0, 0, 1, 1]),
    row([7, 9, 30, 31], [0, 0, 0, 1]),
    row([5, 6, -1, 6], [1, 0, 0, 1], task="b"),
]


def tables() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        task: torch.randn(length, WIDTH, generator=generator, requires_grad=True)
        for task, length in {"a": 3, "b": 1, "c": 0}.items()
    }


def plain_loss(base_model: BaseModel, rows: list[Row], tables: dict[str, Tensor]) -> Tensor:
    """The same sum by the model's own forward: no packing, no splice, no chunks."""
    total = torch.zeros(())
    weight = base_model.hf_model.get_input_embeddings()
    for each in rows:
        if len(each.input_ids) < 2:
            continue
        table = tables[each.task]
        vectors = [
            table[-1 - token] if token < 0 else weight(torch.tensor(token))
            for token in each.input_ids
        ]
        logits = base_model.hf_model(inputs_embeds=torch.stack(vectors)[None]).logits[0]
        labels = [
            token if counts else -100
            for token, counts in zip(each.input_ids, each.loss_mask, strict=True)
        ]
        total = total + F.cross_entropy(logits[:-1], torch.tensor(labels[1:]), reduction="sum")
    return total


@pytest.mark.parametrize("rows", [ROWS, LATE_ROWS], ids=["virtual-first", "virtual-late"])
@pytest.mark.parametrize("packs", [True, False], ids=["shared", "plain"])
@pytest.mark.parametrize("family", FAMILIES)
def test_loss_and_gradients_equal_one_row_at_a_time(
    family: str, packs: bool, rows: list[Row]
) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    found, wanted = tables(), tables()
    packed = pack(rows, share_prefixes=packs, split_static=packs)
    assert any(packed.layout.static) == (packs and rows is LATE_ROWS)
    sums = loss_sums(base_model, packed, found)
    sums.total.backward()
    expected = plain_loss(base_model, rows, wanted)
    expected.backward()
    torch.testing.assert_close(sums.total, expected, rtol=1e-5, atol=1e-5)
    for task in ("a", "b"):
        torch.testing.assert_close(found[task].grad, wanted[task].grad, rtol=1e-4, atol=1e-5)


def test_sums_and_counts_are_kept_by_task() -> None:
    base_model = BaseModel(tiny_hf_model("llama"))
    sums = loss_sums(base_model, pack(ROWS), tables())
    alone = loss_sums(base_model, pack([r for r in ROWS if r.task == "b"]), tables())
    assert sums.tasks == ("a", "b", "c")
    assert sums.counts == (5, 1, 0)
    torch.testing.assert_close(sums.sums_K[1], alone.sums_K[0])
    assert sums.sums_K[2] == 0


@pytest.mark.parametrize("rows", [[row([])], [row([-1])], [row([-1, 5, 6])]])
def test_a_batch_without_loss_tokens_sums_to_zero_with_a_zero_gradient(rows: list[Row]) -> None:
    learned = tables()
    sums = loss_sums(BaseModel(tiny_hf_model("llama")), pack(rows), learned)
    sums.total.backward()
    assert sums.total == 0
    assert sums.num_targets == 0
    assert learned["a"].grad is not None
    assert not learned["a"].grad.any()


def test_chunks_do_not_change_the_losses(monkeypatch: pytest.MonkeyPatch) -> None:
    base_model = BaseModel(tiny_hf_model("gemma2"))
    hidden = torch.randn(7, WIDTH)
    ids = torch.arange(7)
    results: list[tuple[Tensor, Tensor]] = []
    for chunk_logits in (10**6, 2 * base_model.vocab_size, 1):
        monkeypatch.setattr(prompted_loss, "_CHUNK_LOGITS", chunk_logits)
        leaf = hidden.clone().requires_grad_()
        losses = target_losses(base_model, leaf, ids)
        (losses * torch.arange(7)).sum().backward()
        assert leaf.grad is not None
        results.append((losses.detach(), leaf.grad))
    expected = F.cross_entropy(base_model.project(hidden), ids, reduction="none")
    for losses, gradient in results:
        torch.testing.assert_close(losses, expected)
        torch.testing.assert_close(gradient, results[0][1])


def test_without_gradients_none_are_computed() -> None:
    base_model = BaseModel(tiny_hf_model("llama"))
    with torch.no_grad():
        sums = loss_sums(base_model, pack(ROWS), tables())
    assert not sums.total.requires_grad
    assert sums.total > 0


def test_half_precision_weights_give_float32_sums_and_gradients() -> None:
    learned = tables()
    wanted = loss_sums(BaseModel(tiny_hf_model("llama")), pack(ROWS), tables()).total
    sums = loss_sums(BaseModel(tiny_hf_model("llama").bfloat16()), pack(ROWS), learned)
    sums.total.backward()
    assert sums.sums_K.dtype is torch.float32
    assert learned["a"].grad is not None
    assert learned["a"].grad.dtype is torch.float32
    torch.testing.assert_close(sums.total, wanted, rtol=0.05, atol=0.5)


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2", "bloom"])
def test_mixed_precision_gives_float32_sums_near_the_exact_ones(family: str) -> None:
    base_model = BaseModel(tiny_hf_model(family))
    exact, mixed = tables(), tables()
    wanted = loss_sums(base_model, pack(ROWS), exact)
    wanted.total.backward()
    with torch.autocast("cpu", torch.bfloat16):
        found = loss_sums(base_model, pack(ROWS), mixed)
    found.total.backward()
    assert found.sums_K.dtype is torch.float32
    torch.testing.assert_close(found.total, wanted.total, rtol=0.03, atol=0.5)
    gradient, right = mixed["a"].grad, exact["a"].grad
    assert gradient is not None
    assert right is not None
    assert torch.cosine_similarity(gradient.flatten(), right.flatten(), dim=0) > 0.98
