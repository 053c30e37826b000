"""Layouts that a base model allows, on configs of real models."""

import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_plan.families import PARALLEL_FAMILIES
from tests.compiler.specs import check, seen, spec

_SMOLLM2_135M = {
    "model_type": "llama",
    "hidden_size": 576,
    "intermediate_size": 1536,
    "num_hidden_layers": 30,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "max_position_embeddings": 8192,
    "vocab_size": 49152,
}
_GPT2 = {
    "model_type": "gpt2",
    "n_embd": 768,
    "n_layer": 12,
    "n_head": 12,
    "n_positions": 1024,
    "vocab_size": 50257,
}


def _found(folder: Path, config: dict[str, Any], layout: str) -> list[Diagnostic]:
    model = folder / "model"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text(json.dumps(config), "utf-8")
    (model / "pytorch_model.bin").touch()
    if not (folder / "data").exists():
        (folder / "data").mkdir()
        (folder / "data" / "train.jsonl").write_text('{"text": "a", "mood": "b"}\n', "utf-8")
    text = spec(f"parallelism: {{{layout}}}\n", model="model: {source: model}")
    return list(check(text, folder).diagnostics)


def test_smollm2_135m_on_two_tensor_parallel_ranks_is_told_what_works(tmp_path: Path) -> None:
    layout = "devices: 2, tensor_model_parallel_size: 2"

    (found,) = _found(tmp_path, _SMOLLM2_135M, layout)

    assert (found.code, found.span.text) == ("SP0316", "2")
    assert "9 attention heads and 3 KV heads" in found.message
    (hint,) = found.help
    assert "`tensor_model_parallel_size: 3`" in hint
    assert "`pipeline_model_parallel_size: 2`" in hint


@pytest.mark.parametrize(
    "layout",
    ["devices: 3, tensor_model_parallel_size: 3", "devices: 2, pipeline_model_parallel_size: 2"],
)
def test_smollm2_135m_is_split_as_proposed(tmp_path: Path, layout: str) -> None:
    assert _found(tmp_path, _SMOLLM2_135M, layout) == []


def test_a_vocabulary_that_does_not_divide_is_split_all_the_same(tmp_path: Path) -> None:
    assert _GPT2["vocab_size"] % 2 == 1

    assert _found(tmp_path, _GPT2, "devices: 2, tensor_model_parallel_size: 2") == []


def test_what_does_not_divide_is_named_and_no_more(tmp_path: Path) -> None:
    config = _SMOLLM2_135M | {"num_attention_heads": 8, "num_key_value_heads": 4}
    config |= {"intermediate_size": 1538}

    (found,) = _found(tmp_path, config, "devices: 4, tensor_model_parallel_size: 4")

    assert found.message.startswith("1538 MLP columns cannot")
    assert "`tensor_model_parallel_size: 2`" in found.help[0]


def test_a_model_that_no_size_divides_is_split_by_layers_or_not_at_all(tmp_path: Path) -> None:
    config = _SMOLLM2_135M | {"num_attention_heads": 7, "num_key_value_heads": 1}
    layout = "devices: 2, tensor_model_parallel_size: 2"

    (deep,) = _found(tmp_path, config, layout)
    (shallow,) = _found(tmp_path, config | {"num_hidden_layers": 1}, layout)

    assert deep.help == ("split the layers in its place: `pipeline_model_parallel_size: 2`",)
    assert shallow.help == ("leave `tensor_model_parallel_size` out",)


def test_more_pipeline_stages_than_layers_are_refused(tmp_path: Path) -> None:
    found = _found(tmp_path, _SMOLLM2_135M, "devices: 31, pipeline_model_parallel_size: 31")

    assert seen(found) == [("SP0317", "31")]


@pytest.mark.parametrize("family", sorted(PARALLEL_FAMILIES))
def test_families_of_the_table_can_be_split(tmp_path: Path, family: str) -> None:
    config = _SMOLLM2_135M | {"model_type": family}

    assert _found(tmp_path, config, "devices: 3, tensor_model_parallel_size: 3") == []


def test_both_sizes_of_a_family_that_cannot_be_split_are_shown(tmp_path: Path) -> None:
    layout = "devices: 4, tensor_model_parallel_size: 2, pipeline_model_parallel_size: 2"

    (found,) = _found(tmp_path, _GPT2 | {"model_type": "gpt_bigcode"}, layout)

    assert found.code == "SP0318"
    assert [label.span.text for label in found.secondary] == ["2", "model"]
