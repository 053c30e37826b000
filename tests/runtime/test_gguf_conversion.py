import json
import os
import shutil
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import dequantize, quantize
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.gguf_conversion import converted_folder
from softprompt_runtime.safetensors_stream import stream_float32
from tests.tiny_gguf import bpe_tokenizer, write_gguf

SIZES: dict[str, Any] = {
    "vocab_size": 270,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "initializer_range": 0.3,  # large, so that a wrong row shows in the logits
    "bos_token_id": 1,
    "eos_token_id": 0,
}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    torch.set_num_threads(1)
    monkeypatch.setenv("SOFTPROMPT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def tiny_model(family: str, **changes: Any) -> Any:
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **{**SIZES, **changes})
    model: Any = AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():  # norms and biases begin as ones and zeros, which would hide a mix-up
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    return model


def gguf_name(name: str) -> str:
    module, _, kind = name.rpartition(".")
    if module.startswith("model.layers."):
        _, _, layer, part = module.split(".", 3)
        return f"blk.{layer}.{NAMES[part]}.{kind}"
    return f"{NAMES[module]}.{kind}"


def permuted(weights: np.ndarray[Any, Any], num_heads: int) -> np.ndarray[Any, Any]:
    """As llama.cpp's convert_hf_to_gguf.py, LlamaModel.permute."""
    shape = (num_heads, 2, weights.shape[0] // num_heads // 2, *weights.shape[1:])
    return weights.reshape(shape).swapaxes(1, 2).reshape(weights.shape)


def written(model: Any, path: Path, quantization: Any = gguf.GGMLQuantizationType.F32) -> Path:
    """The model as llama.cpp's converter would write it; matrices quantized."""
    config, family = model.config, model.config.model_type
    writer = gguf.GGUFWriter(path, family)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    tokenizer = bpe_tokenizer()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokenizer["tokenizer.ggml.tokens"])
    writer.add_token_types(tokenizer["tokenizer.ggml.token_type"])
    writer.add_token_merges(tokenizer["tokenizer.ggml.merges"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(0)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.numpy()
        part = name.split(".")[-2]
        if family == "llama" and part in heads:
            values = permuted(values, heads[part])
        if values.ndim == 2:
            quantized = quantize(np.ascontiguousarray(values), quantization)
            writer.add_tensor(gguf_name(name), quantized, raw_dtype=quantization)
        else:
            writer.add_tensor(gguf_name(name), np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(torch.arange(40).view(2, 20)).logits


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("llama", {}),
        ("llama", {"attention_bias": True, "mlp_bias": True}),
        ("llama", {"num_key_value_heads": 4}),
        ("qwen2", {}),
        ("qwen3", {"head_dim": 32}),
    ],
)
def test_a_converted_model_is_the_model_that_was_written(
    tmp_path: Path, family: str, changes: dict[str, Any], tied: bool
) -> None:
    model = tiny_model(family, tie_word_embeddings=tied, **changes)

    folder = converted_folder(written(model, tmp_path / "model.gguf"))

    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.dtype == torch.float32


@pytest.mark.parametrize("name", ["F16", "BF16", "Q8_0", "Q4_1", "Q5_0"])
def test_quantized_weights_are_those_that_gguf_itself_reads(tmp_path: Path, name: str) -> None:
    quantization = gguf.GGMLQuantizationType[name]
    model = tiny_model("llama")
    path = written(model, tmp_path / "model.gguf", quantization)

    weights = load_file(converted_folder(path) / "model.safetensors")

    read = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}
    found = weights["model.layers.1.mlp.down_proj.weight"].numpy()
    source = read["blk.1.ffn_down.weight"]
    assert np.array_equal(found, dequantize(source.data, source.tensor_type))
    rows = weights["model.layers.0.self_attn.q_proj.weight"].numpy()
    source = read["blk.0.attn_q.weight"]
    assert np.array_equal(permuted(rows, 4), dequantize(source.data, source.tensor_type))


def test_a_tied_model_has_no_second_copy_of_its_embeddings(tmp_path: Path) -> None:
    path = written(tiny_model("llama", tie_word_embeddings=True), tmp_path / "model.gguf")

    with safe_open(converted_folder(path) / "model.safetensors", "pt") as weights:
        assert "lm_head.weight" not in weights.keys()  # noqa: SIM118 - no mapping
        assert weights.metadata() == {"format": "pt"}


def test_the_folder_has_its_tokenizer_and_its_special_ids(tmp_path: Path) -> None:
    folder = converted_folder(written(tiny_model("llama"), tmp_path / "model.gguf"))

    tokenizer = AutoTokenizer.from_pretrained(folder)

    assert (tokenizer.bos_token, tokenizer.eos_token) == ("<s>", "<|end|>")
    assert tokenizer.tokenize("a\n 12") == ["a", "ĊĠ", "1", "2"]
    assert json.loads((folder / "generation_config.json").read_text()) == {
        "bos_token_id": 1,
        "eos_token_id": 0,
    }


def test_a_file_is_converted_once_wherever_it_lies(tmp_path: Path, cache: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf")
    folder = converted_folder(path)
    before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
    copy = shutil.copy(path, tmp_path / "copy.gguf")

    assert converted_folder(Path(copy)) == folder
    assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
    assert folder.parent == cache


def test_another_file_is_another_folder(tmp_path: Path) -> None:
    first = converted_folder(write_gguf(tmp_path / "a.gguf"))

    assert converted_folder(write_gguf(tmp_path / "b.gguf", {"llama.context_length": 32})) != first


def test_processes_that_ask_at_once_get_one_whole_folder(tmp_path: Path, cache: Path) -> None:
    path = write_gguf(tmp_path / "model.gguf")
    start = threading.Barrier(4)
    found: list[Path] = []

    def convert() -> None:
        start.wait()
        found.append(converted_folder(path))

    threads = [threading.Thread(target=convert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 4
    assert len(set(found)) == 1
    assert (found[0] / "model.safetensors").is_file()
    assert [entry for entry in cache.iterdir() if entry.is_dir()] == [found[0]]


def test_a_folder_that_appears_meanwhile_is_taken_as_it_is(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files cannot be locked, another process may finish first."""
    path = write_gguf(tmp_path / "model.gguf")
    whole = converted_folder(path)
    monkeypatch.setattr(Path, "is_dir", _is_dir_but_late(whole))

    assert converted_folder(path) == whole
    assert [entry.name for entry in cache.iterdir() if entry.name.startswith("building")] == []


def _is_dir_but_late(folder: Path) -> Any:
    asked: list[Path] = []
    real = Path.is_dir

    def is_dir(path: Path, **options: Any) -> bool:
        if path == folder and len(asked) < 2:
            asked.append(path)
            return False
        return real(path, **options)

    return is_dir


def test_a_conversion_that_fails_leaves_nothing_behind(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("softprompt_runtime.gguf_conversion.stream_float32", full)

    with pytest.raises(RunFailure, match="No space left") as caught:
        converted_folder(write_gguf(tmp_path / "model.gguf"))

    assert "SOFTPROMPT_CACHE" in str(caught.value.help)
    assert [entry for entry in cache.iterdir() if entry.is_dir()] == []


def test_the_room_is_looked_at_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10))  # pyright: ignore

    with pytest.raises(RunFailure, match="GiB") as caught:
        converted_folder(write_gguf(tmp_path / "model.gguf"))

    assert "SOFTPROMPT_CACHE" in str(caught.value.help)


def test_only_old_remains_of_killed_conversions_are_removed(tmp_path: Path, cache: Path) -> None:
    old, fresh = cache / "building-old", cache / "building-fresh"
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (two_days_ago, two_days_ago))

    converted_folder(write_gguf(tmp_path / "model.gguf"))

    assert not old.exists()
    assert fresh.exists()


@pytest.mark.parametrize(
    "changes", [{"general.architecture": "mamba"}, {"tokenizer.ggml.pre": "tekken"}]
)
def test_a_file_that_cannot_be_converted_is_a_run_failure(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(RunFailure, match="cannot be converted") as caught:
        converted_folder(write_gguf(tmp_path / "model.gguf", changes))

    assert caught.value.help == "Use the model's Hugging Face folder instead."


def test_a_missing_file_and_a_useless_cache_are_run_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(RunFailure):
        converted_folder(tmp_path / "none.gguf")

    (tmp_path / "file").touch()
    monkeypatch.setenv("SOFTPROMPT_CACHE", str(tmp_path / "file/cache"))
    with pytest.raises(RunFailure, match="cannot be converted"):
        converted_folder(write_gguf(tmp_path / "model.gguf"))


def test_a_tensor_of_an_unknown_type_is_a_run_failure(tmp_path: Path) -> None:
    path = written(tiny_model("llama"), tmp_path / "model.gguf")
    content = path.read_bytes()
    at = content.index(b"token_embd.weight") + len(b"token_embd.weight") + 4 + 16
    path.write_bytes(content[:at] + b"\xc8\0\0\0" + content[at + 4 :])

    with pytest.raises(RunFailure, match="unknown type 200"):
        converted_folder(path)


def test_the_cache_is_the_users_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_gguf(tmp_path / "model.gguf")
    monkeypatch.delenv("SOFTPROMPT_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert converted_folder(path).parent == tmp_path / "xdg/softprompt"

    monkeypatch.delenv("XDG_CACHE_HOME")
    assert converted_folder(path).parent == tmp_path / "home/.cache/softprompt"


def test_streamed_safetensors_are_those_of_the_library(tmp_path: Path) -> None:
    tensors = {
        "b": np.arange(12, dtype=np.float32).reshape(3, 4),
        "a": np.ones(1, dtype=np.float32),
        "long" * 7: np.zeros((0, 2), dtype=np.float32),
    }
    shapes = {name: tensor.shape for name, tensor in tensors.items()}

    stream_float32(tmp_path / "x.safetensors", shapes, lambda name: [tensors[name]])

    loaded = load_file(tmp_path / "x.safetensors")
    assert {name: tensor.numpy().tolist() for name, tensor in loaded.items()} == {
        name: tensor.tolist() for name, tensor in tensors.items()
    }


def test_a_tensor_with_too_few_values_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="a has 1 values, not 2"):
        stream_float32(
            tmp_path / "x.safetensors", {"a": (2,)}, lambda _: [np.ones(1, dtype=np.float32)]
        )

    assert list(tmp_path.iterdir()) == []
