import pytest
import torch

from softprompt_runtime.packing import pack
from softprompt_runtime.splice import splice, virtual_embeddings
from tests.runtime.test_packing import row

TABLES = {
    "a": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
    "b": torch.tensor([[5.0, 6.0]]),
    "c": torch.zeros(9, 2),
}


def test_virtual_tokens_take_the_rows_of_their_own_task() -> None:
    packed = pack([row([-1, 3], task="b"), row([4, -2, -1])])
    assert virtual_embeddings(TABLES, packed).tolist() == [[5, 6], [3, 4], [1, 2]]


def test_text_stays_and_virtual_positions_are_replaced() -> None:
    text = torch.full((5, 2), 9.0)
    virtual = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    spliced = splice(text, virtual, torch.tensor([3, 0]))
    assert spliced.tolist() == [[3, 4], [9, 9], [9, 9], [1, 2], [9, 9]]
    assert text.tolist() == [[9, 9]] * 5


def test_gradients_reach_the_tables_in_use_and_never_the_text() -> None:
    tables = {task: table.clone().requires_grad_() for task, table in TABLES.items()}
    text = torch.zeros(5, 2, requires_grad=True)
    packed = pack([row([-1, 3], task="b"), row([4, -2, -1])])
    virtual = virtual_embeddings(tables, packed)
    splice(text, virtual, packed.virtual_positions_K).sum().backward()
    assert tables["a"].grad is not None
    assert tables["a"].grad.tolist() == [[1, 1], [1, 1]]
    assert tables["c"].grad is None
    assert text.grad is None


def test_a_virtual_token_of_several_rows_sums_their_gradients() -> None:
    table = torch.zeros(1, 2, requires_grad=True)
    packed = pack([row([-1, 3]), row([-1, 4])], share_prefixes=False)
    virtual_embeddings({"a": table}, packed).sum().backward()
    assert table.grad is not None
    assert table.grad.tolist() == [[2, 2]]


def test_float32_tables_take_the_type_of_the_text() -> None:
    text = torch.zeros(2, 2, dtype=torch.bfloat16)
    table = torch.tensor([[0.1, 0.2]], requires_grad=True)
    spliced = splice(text, table, torch.tensor([1]))
    spliced.sum().backward()
    assert spliced.dtype is torch.bfloat16
    assert table.grad is not None
    assert table.grad.dtype is torch.float32


def test_a_table_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="'b' has 1 rows, 2 are used"):
        virtual_embeddings(TABLES, pack([row([-2], task="b"), row([-2])]))
