"""Prompt encoders against NeMo's recorded outputs (1.16: with task names; 1.17, 1.20: without)."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import EncoderType
from softprompt_runtime.prompt_encoder import (
    LstmEncoder,
    MlpEncoder,
    PromptEncoder,
    create_prompt_encoder,
)

GOLDEN = Path(__file__).parents[1] / "golden" / "nemo" / "prompt_encoder_cases.json"
CASES: list[dict[str, Any]] = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
NAMES = [f"{case['nemo_version']}-{case['encoder_type']}-{case['num_layers']}" for case in CASES]


def encoder_of(case: dict[str, Any]) -> PromptEncoder:
    """The case's encoder with NeMo's weights, whose names are ours but for a prefix."""
    plan = EncoderPlan(
        type=EncoderType(case["encoder_type"]),
        hidden_size=case["encoder_hidden"],
        num_layers=case["num_layers"],
        dropout=0.0,
        init_std=0.023,
    )
    encoder = create_prompt_encoder(plan, case["hidden_size_of_lm"])
    weights = {
        name.removeprefix("tpmlp."): torch.tensor(values)
        for name, values in case["parameters"].items()
        if name != "embedding.weight"
    }
    encoder.load_state_dict(weights)
    return encoder.eval()


def inputs_and_outputs(case: dict[str, Any]) -> list[tuple[Tensor, Tensor]]:
    """Input rows and NeMo's output; in 1.16 the task name's embeddings replace the first rows."""
    table_PD = torch.tensor(case["parameters"]["embedding.weight"])
    if "output" in case:
        return [(table_PD, torch.tensor(case["output"][0]))]
    pairs: list[tuple[Tensor, Tensor]] = []
    for run in case["runs"]:
        for name, output in zip(run["taskname_embeddings"], run["output"], strict=True):
            name_PD = torch.tensor(name)[: table_PD.shape[0]]
            pairs.append((torch.cat([name_PD, table_PD[len(name_PD) :]]), torch.tensor(output)))
    return pairs


@pytest.mark.parametrize("case", CASES, ids=NAMES)
def test_given_nemos_weights_the_outputs_are_nemos(case: dict[str, Any]) -> None:
    encoder = encoder_of(case)

    for input_PD, expected_PD in inputs_and_outputs(case):
        torch.testing.assert_close(encoder(input_PD), expected_PD, atol=2e-6, rtol=1e-5)


def test_every_golden_case_is_run() -> None:
    assert len(CASES) == 17
    assert sum(len(inputs_and_outputs(case)) for case in CASES) == 12 + 5 * 2 * 3


@pytest.mark.parametrize("kind", list(EncoderType))
def test_the_output_layer_decides_the_output(kind: EncoderType) -> None:
    plan = EncoderPlan(type=kind, hidden_size=6, num_layers=2, dropout=0.0, init_std=0.1)
    encoder = create_prompt_encoder(plan, 4)
    input_PD = torch.randn(3, 4)

    if encoder.output_layer is None:
        assert torch.equal(encoder(input_PD), input_PD)
        return
    with torch.no_grad():
        encoder.output_layer.weight.zero_()
        encoder.output_layer.bias.zero_()
    assert torch.equal(encoder(input_PD), torch.zeros(3, 4))


@pytest.mark.parametrize("kind", list(EncoderType))
def test_parameters_are_float32(kind: EncoderType) -> None:
    plan = EncoderPlan(type=kind, hidden_size=6, num_layers=3, dropout=0.1, init_std=0.1)

    assert all(p.dtype == torch.float32 for p in create_prompt_encoder(plan, 4).parameters())


def test_an_mlp_of_one_layer_is_refused() -> None:
    with pytest.raises(ValueError, match="2 layers"):
        MlpEncoder(width=4, hidden_size=6, num_layers=1)


def test_dropout_acts_between_lstm_layers_while_training_only() -> None:
    encoder = LstmEncoder(width=4, hidden_size=16, num_layers=2, dropout=0.5)
    input_PD = torch.randn(3, 4)

    assert not torch.equal(encoder(input_PD), encoder(input_PD))
    encoder.eval()
    assert torch.equal(encoder(input_PD), encoder(input_PD))


def test_dropout_with_one_lstm_layer_does_nothing_and_warns_of_nothing() -> None:
    encoder = LstmEncoder(width=4, hidden_size=16, num_layers=1, dropout=0.5)
    input_PD = torch.randn(3, 4)

    assert torch.equal(encoder(input_PD), encoder(input_PD))


def test_tpmlp_weights_start_with_the_plans_spread() -> None:
    plan = EncoderPlan(
        type=EncoderType.TPMLP, hidden_size=400, num_layers=2, dropout=0.0, init_std=0.05
    )
    torch.manual_seed(0)
    weights = dict(create_prompt_encoder(plan, 100).named_parameters())

    assert weights["first.weight"].std().item() == pytest.approx(0.05, rel=0.02)
    assert not weights["first.bias"].any()
