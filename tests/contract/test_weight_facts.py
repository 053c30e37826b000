"""The compiler's reading of weights, against the models that transformers makes and saves."""

import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.facts import ModelFacts, read_model_facts
from softprompt_plan.model_source import Located
from softprompt_plan.vocabulary import ModelSourceKind
from softprompt_plan.weight_files import WeightFaultKind
from softprompt_plan.weight_shapes import family_names
from softprompt_runtime.model_facts import FAMILIES
from tests.tiny_models import tiny_hf_model

KNOWN = [family for family in FAMILIES if family_names(family) is not None]


def facts_of(folder: Path) -> ModelFacts:
    return read_model_facts(Located(kind=ModelSourceKind.FOLDER, path=folder))


def saved(folder: Path, family: str, **options: Any) -> Any:
    model = tiny_hf_model(family)
    model.save_pretrained(folder, **options)
    return model


@pytest.mark.parametrize("family", [*FAMILIES, "opt", "gpt_oss"])
@pytest.mark.parametrize("options", [{}, {"max_shard_size": "20KB"}], ids=["one file", "shards"])
def test_a_saved_model_is_whole_and_counted_as_torch_does(
    tmp_path: Path, family: str, options: dict[str, Any]
) -> None:
    model = saved(tmp_path, family, **options)

    weights = facts_of(tmp_path).weights

    assert weights is not None
    assert weights.faults == ()
    assert weights.num_parameters == sum(each.numel() for each in model.parameters())
    assert weights.num_bytes == 4 * weights.num_parameters
    assert weights.parameters == {"F32": weights.num_parameters}


@pytest.mark.parametrize("family", KNOWN)
def test_another_config_contradicts_the_weights(tmp_path: Path, family: str) -> None:
    saved(tmp_path, family)
    names = family_names(family)
    assert names is not None
    config = json.loads((tmp_path / "config.json").read_text())
    width, layers = "hidden_size", "num_hidden_layers"
    if family == "gpt2":
        width, layers = "n_embd", "n_layer"
    for key in ("vocab_size", width):
        (tmp_path / "config.json").write_text(json.dumps(config | {key: config[key] * 2}))
        found = facts_of(tmp_path).weights
        assert found is not None
        assert any(f"{names.embeddings}.weight" in fault.subject for fault in found.faults)
        assert {fault.kind for fault in found.faults} == {WeightFaultKind.SHAPE}
    for count, kind in ((2, WeightFaultKind.SHAPE), (4, WeightFaultKind.TENSOR_MISSING)):
        (tmp_path / "config.json").write_text(json.dumps(config | {layers: count}))
        found = facts_of(tmp_path).weights
        assert found is not None
        assert {fault.kind for fault in found.faults} == {kind}


def test_what_older_checkpoints_store_beside_weights_is_not_counted(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    safetensors = pytest.importorskip("safetensors.torch")
    model = saved(tmp_path, "gpt2")
    stored = dict(safetensors.load_file(tmp_path / "model.safetensors"))
    bare = {name.removeprefix("transformer."): tensor for name, tensor in stored.items()}
    bare["h.0.attn.bias"] = torch.ones(1, 1, 64, 64, dtype=torch.uint8)
    bare["h.0.attn.masked_bias"] = torch.tensor(-1e4)
    bare["lm_head.weight"] = bare["wte.weight"].clone()
    safetensors.save_file(bare, tmp_path / "model.safetensors")

    weights = facts_of(tmp_path).weights

    assert weights is not None
    assert weights.faults == ()
    assert weights.num_parameters == sum(each.numel() for each in model.parameters())
