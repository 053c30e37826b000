"""A pipeline stage of a model, as a smaller model."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.forward_check import ForwardPath
from softprompt_runtime.model_facts import FAMILIES
from softprompt_runtime.parallel.stage import Stage, take_stage
from softprompt_runtime.parallel.stage_split import split_stages
from tests.runtime.plans import tiny_task
from tests.tiny_models import tiny_hf_model

ROWS = [[3, 14, 15, 92, 65, 35, 8], [3, 14], [79]]


def stages_of(family: str, *ends: int) -> list[Any]:
    """Models of the stages that end at these layers."""
    models: list[Any] = []
    for index, (start, end) in enumerate(pairwise((0, *ends))):
        hf_model = tiny_hf_model(family)
        take_stage(hf_model, Stage(index=index, num_stages=len(ends), layers=range(start, end)))
        models.append(hf_model)
    return models


@pytest.mark.parametrize("ends", [(1, 3), (1, 2, 3)])
@pytest.mark.parametrize("family", FAMILIES)
def test_stages_one_after_the_other_are_the_model(family: str, ends: tuple[int, ...]) -> None:
    ids = torch.tensor([[5, 17, 3, 88, 41, 9, 60, 2]])
    wanted = tiny_hf_model(family)(input_ids=ids, use_cache=False).logits
    *before, last = stages_of(family, *ends)

    states = before[0].get_input_embeddings()(ids)
    for hf_model in before:
        states = hf_model.base_model(inputs_embeds=states, use_cache=False).last_hidden_state
    found = last(inputs_embeds=states, use_cache=False).logits

    assert torch.equal(found, wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_stage_names_its_weights_as_the_whole_model_does(family: str) -> None:
    whole: dict[str, Tensor] = tiny_hf_model(family).state_dict()
    hf_model, stage = tiny_hf_model(family), Stage(index=1, num_stages=3, layers=range(1, 2))
    layout = take_stage(hf_model, stage).layout
    assert layout is not None

    weights = hf_model.state_dict()

    assert weights
    for name, weight in weights.items():
        assert torch.equal(weight, whole[stage.name_in_whole(layout, name)])


@pytest.mark.parametrize(
    ("family", "path"),
    [("llama", ForwardPath.LEAN), ("gemma2", ForwardPath.PACKED), ("gpt2", ForwardPath.PACKED)],
)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_each_stage_takes_the_familys_fastest_path(
    family: str, path: ForwardPath, index: int
) -> None:
    stage = Stage(index=index, num_stages=3, layers=range(index, index + 1))

    assert BaseModel(tiny_hf_model(family), stage=stage).path is path


def test_packed_rows_go_through_stages_as_through_the_model() -> None:
    ids = torch.tensor([token for row in ROWS for token in row])
    positions = torch.tensor([at for row in ROWS for at in range(len(row))])
    lengths = [len(row) for row in ROWS]
    whole = BaseModel(tiny_hf_model("llama"))
    wanted = whole.project(whole.hidden_states(whole.embed(ids), positions, lengths))
    stages = [
        BaseModel(
            tiny_hf_model("llama"),
            stage=Stage(index=index, num_stages=2, layers=layers),
        )
        for index, layers in enumerate([range(2), range(2, 3)])
    ]

    states = stages[0].embed(ids)
    for stage in stages:
        states = stage.hidden_states(states, positions, lengths)

    assert torch.equal(stages[1].project(states), wanted)
    assert not stages[1].embed(ids).any()
    assert stages[0].fingerprint == stages[1].fingerprint == whole.fingerprint


def test_a_family_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(RunFailure, match="'bloom' model cannot be split into pipeline stages"):
        take_stage(tiny_hf_model("bloom"), Stage(index=0, num_stages=2, layers=range(1)))


def test_more_stages_than_layers_are_refused() -> None:
    with pytest.raises(RunFailure, match="3 layers cannot fill 4 pipeline stages"):
        split_stages(tiny_hf_model("llama").config, 4, [tiny_task()])


def test_layers_are_split_without_a_gap() -> None:
    stages = split_stages(tiny_hf_model("llama").config, 2, [tiny_task()])

    assert [stage.layers for stage in stages] == [range(2), range(2, 3)]
    assert [(stage.is_first, stage.is_last) for stage in stages] == [(True, False), (False, True)]
