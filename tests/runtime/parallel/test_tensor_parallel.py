"""A model shared out over processes gives the logits, losses and gradients of the whole one."""

from typing import Any

import pytest
import torch

from softprompt_plan.families import PARALLEL_FAMILIES
from softprompt_plan.plan import ParallelismPlan
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.packing import pack
from softprompt_runtime.parallel.mesh import join_mesh, single_process
from softprompt_runtime.prompted_loss import loss_sums
from tests.runtime.parallel.layout_runs import difference, layout
from tests.runtime.parallel.processes import Processes
from tests.runtime.plans import tiny_plan
from tests.runtime.test_prompted_loss import LATE_ROWS, ROWS, tables
from tests.tiny_models import tiny_hf_model

FAMILIES = [
    "llama",
    "mistral",
    "qwen2",
    "qwen3",
    "gemma",
    "gemma2",
    "gemma3_text",
    "granite",
    "cohere",
    "olmo2",
    "smollm3",
    "gpt2",
    "gpt_neox",
]


def parallelism(**changes: Any) -> ParallelismPlan:
    return tiny_plan(sections={"parallelism": layout(**changes)}).parallelism


def test_every_family_that_the_compiler_splits_is_tried() -> None:
    assert set(FAMILIES) == PARALLEL_FAMILIES


def measures(plan: ParallelismPlan | None, model_type: str, changes: dict[str, Any]) -> Any:
    """Loss sums, gradients of the tables, own logits, path and fingerprint."""
    mesh = single_process() if plan is None else join_mesh(plan)
    base_model = BaseModel(tiny_hf_model(model_type, **changes), mesh=mesh)
    learned = tables()
    sums = loss_sums(base_model, pack(ROWS), learned)
    late = loss_sums(base_model, pack(LATE_ROWS), learned)
    (sums.total + late.total).backward()
    with torch.no_grad():
        logits = base_model.hf_model(input_ids=torch.tensor([[5, 96, 7, 1]])).logits[0]
    gradients = [table.grad for task, table in learned.items() if task != "c"]
    losses_K = torch.cat((sums.sums_K, late.sums_K)).detach()
    return losses_K, gradients, logits, base_model.path, base_model.fingerprint


def check(processes: Processes, plan: ParallelismPlan, model_type: str, **changes: Any) -> None:
    wanted = measures(None, model_type, changes)
    for found in processes.run(measures, plan, model_type, changes):
        torch.testing.assert_close(found[0], wanted[0], rtol=1e-5, atol=0)
        for gradient, right in zip(found[1], wanted[1], strict=True):
            assert difference(gradient, right) < 1e-5
        torch.testing.assert_close(found[2], wanted[2], rtol=1e-4, atol=1e-4)
        assert found[3:] == wanted[3:]


@pytest.mark.parametrize("sequence_parallel", [False, True])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox", "gemma2"])
def test_two_shards_are_the_whole_model(
    two: Processes, model_type: str, sequence_parallel: bool
) -> None:
    check(two, parallelism(tensor=2, sequence_parallel=sequence_parallel), model_type)


@pytest.mark.slow
@pytest.mark.parametrize("model_type", FAMILIES)
def test_two_shards_of_each_family_are_the_whole_model(two: Processes, model_type: str) -> None:
    for sequence_parallel in (False, True):
        check(two, parallelism(tensor=2, sequence_parallel=sequence_parallel), model_type)


@pytest.mark.parametrize("sequence_parallel", [False, True])
def test_norms_with_weights_for_each_head_are_shared_out(
    two: Processes, sequence_parallel: bool
) -> None:
    plan = parallelism(tensor=2, sequence_parallel=sequence_parallel)

    check(two, plan, "cohere", use_qk_norm=True)
    check(two, plan, "olmo2")


@pytest.mark.parametrize("sequence_parallel", [False, True])
def test_four_shards_with_a_vocabulary_that_does_not_divide(
    four: Processes, sequence_parallel: bool
) -> None:
    plan = parallelism(tensor=4, sequence_parallel=sequence_parallel)

    check(four, plan, "llama", num_key_value_heads=4, vocab_size=97)
    check(four, plan, "gpt2", tie_word_embeddings=False)
