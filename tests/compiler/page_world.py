"""The folder that a spec of an explanation page or of the gallery of mistakes stands in.

models/tiny     a Llama-shaped model: width 32, 128 positions, weights of zeros; a token a byte
models/opt      the same numbers in a family that is not split over devices
data/*.jsonl    train, validation and test rows with `text` and `mood`
data/*.parquet  the train rows once more
mood_set/       the same rows as a data set: a file a split
runs/trained    a soft prompt of this model, with the task `kept`
hub/            the Hugging Face cache, empty unless a page fills it
latin1.yaml     a spec that is not UTF-8
large.yaml      data in place of a spec
"""

import json
import shutil
from pathlib import Path
from typing import Any

from tokenizers.pre_tokenizers import ByteLevel

from tests.parquet_files import write_parquet
from tests.tiny_safetensors import write_llama_weights

_SPECIAL = ["<unk>", "<s>", "</s>"]
MODEL_CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "vocab_size": 259,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
_OPT = {"architectures": ["OPTForCausalLM"], "model_type": "opt"}
_ROWS = {
    "train": [("What a day!", "glad"), ("It rained.", "sad"), ("We won.", "glad"), ("No.", "sad")],
    "validation": [("Lovely.", "glad"), ("It broke.", "sad")],
    "test": [("Hooray!", "glad"), ("Oh dear.", "sad")],
}


def make_world(folder: Path) -> None:
    """Write the model and the data into `folder`."""
    _make_model(folder / "models" / "tiny", MODEL_CONFIG)
    _make_model(folder / "models" / "opt", MODEL_CONFIG | _OPT)
    data = folder / "data"
    data.mkdir()
    for split, rows in _ROWS.items():
        lines = [json.dumps({"text": text, "mood": mood}) for text, mood in rows]
        (data / f"{split}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    shutil.copytree(data, folder / "mood_set")
    train = [{"text": text, "mood": mood} for text, mood in _ROWS["train"]]
    write_parquet(data / "train.parquet", train)
    _make_soft_prompt(folder / "runs" / "trained" / "soft_prompt")
    (folder / "latin1.yaml").write_bytes("version: 1\nname: café\n".encode("latin-1"))
    large = '- {"text": "It rained.", "mood": "sad"}\n' * 10_000
    (folder / "large.yaml").write_text(large, "utf-8")


def _make_model(model: Path, config: dict[str, Any]) -> None:
    model.mkdir(parents=True)
    (model / "config.json").write_text(json.dumps(config), "utf-8")
    (model / "tokenizer.json").write_text(json.dumps(_tokenizer()), "utf-8")
    write_llama_weights(model / "model.safetensors", config)
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    (model / "tokenizer_config.json").write_text(json.dumps(special), "utf-8")


def _make_soft_prompt(folder: Path) -> None:
    folder.mkdir(parents=True)
    task = {
        "name": "kept",
        "prompt_template": "<|VIRTUAL_PROMPT_0|>{text} mood:{mood}",
        "whitespace": "kept",
        "virtual_token_splits": [10],
    }
    meta = {
        "format": 2,
        "virtual_prompt_style": "p-tuning",
        "base_model": "models/tiny",
        "base_model_fingerprint": "5a",
        "width": MODEL_CONFIG["hidden_size"],
        "plan_digest": "7c",
        "tasks": [task],
        "tables_sha256": "9e",
    }
    (folder / "soft_prompt.json").write_text(json.dumps(meta), "utf-8")


def _tokenizer() -> dict[str, Any]:
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    pieces = [*_SPECIAL, *sorted(ByteLevel.alphabet())]
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "vocab": {piece: index for index, piece in enumerate(pieces)},
            "merges": [],
        },
    }
