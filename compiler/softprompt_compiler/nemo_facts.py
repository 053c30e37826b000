"""Facts of a Megatron GPT model from its NeMo config, under the names of this project."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from softprompt_compiler.facts import ModelFacts, ModelFactsError, ModelFactsFaultKind, size_of
from softprompt_compiler.nemo_files import CONFIG, NemoError, open_nemo, read_nemo_config
from softprompt_compiler.nemo_files import vocabulary_size as read_vocabulary_size
from softprompt_plan.vocabulary import ModelDtype, ModelSourceKind

_GPT2_VOCABULARY = 50_257  # NeMo fetches it itself where the config names this tokenizer alone
_GPT2_TOKENIZERS = ("GPT2BPETokenizer", "gpt2")
_DTYPES = {
    "32": ModelDtype.FLOAT32,
    "16": ModelDtype.FLOAT16,
    "bf16": ModelDtype.BFLOAT16,
}


def read_nemo_facts(path: Path) -> ModelFacts:
    """The facts of a `.nemo` archive or of its extracted folder. Raises ModelFactsError."""
    try:
        with open_nemo(path) as files:
            config = read_nemo_config(files)
            vocabulary = _vocabulary(config, read_vocabulary_size(files, config.get("tokenizer")))
    except NemoError as error:
        raise ModelFactsError(ModelFactsFaultKind.UNREADABLE, str(error)) from None
    return _facts(config, vocabulary)


def _facts(config: Mapping[str, Any], vocabulary: int) -> ModelFacts:
    width, heads = _size(config, "hidden_size"), _size(config, "num_attention_heads")
    positions = ("max_position_embeddings", "encoder_seq_length")
    return ModelFacts(
        family=_family(config),
        width=width,
        num_layers=_size(config, "num_layers"),
        num_heads=heads,
        num_kv_heads=_size(config, "num_query_groups", heads),
        head_dim=_size(config, "kv_channels", max(1, width // heads)),
        mlp_width=_size(config, "ffn_hidden_size", 4 * width),
        vocab_size=_padded(config, vocabulary),
        max_positions=size_of(config, positions, 0, file=CONFIG) or None,
        tied=config.get("share_embeddings_and_output_weights") is not False,
        has_weights=True,
        kind=ModelSourceKind.NEMO,
        digest=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        dtype=_DTYPES.get(str(config.get("precision")).partition("-")[0]),
    )


def _size(config: Mapping[str, Any], name: str, default: int | None = None) -> int:
    """A count. A reference that NeMo would fill in, `${...}`, is as good as absent."""
    value = config.get(name)
    if isinstance(value, str) and value.startswith("${") and default is not None:
        return default
    return size_of(config, (name,), default, file=CONFIG)


def _family(config: Mapping[str, Any]) -> str:
    """The family whose shape the model has, by what NeMo's converters to Hugging Face look at."""
    if config.get("position_embedding_type", "learned_absolute") == "learned_absolute":
        return "gpt2"
    if config.get("position_embedding_type") != "rope":
        return "megatron_gpt"
    return "llama" if config.get("normalization") == "rmsnorm" else "gpt_neox"


def _vocabulary(config: Mapping[str, Any], in_file: int | None) -> int:
    """Tokens of the tokenizer, before padding. Raises ModelFactsError if nothing tells."""
    if config.get("override_vocab_size") is not None:
        return size_of(config, ("override_vocab_size",), file=CONFIG)
    if in_file is not None:
        return in_file
    tokenizer = config.get("tokenizer")
    section = cast("dict[str, Any]", tokenizer) if isinstance(tokenizer, dict) else {}
    if section.get("type") in _GPT2_TOKENIZERS:
        return _GPT2_VOCABULARY
    detail = f"{CONFIG} names no tokenizer whose file is in the model"
    raise ModelFactsError(ModelFactsFaultKind.UNSUPPORTED, detail)


def _padded(config: Mapping[str, Any], vocabulary: int) -> int:
    """Rows of the embeddings: padded so that each tensor-parallel rank has a round number."""
    if config.get("override_vocab_size") is not None:
        return vocabulary
    multiple = _size(config, "make_vocab_size_divisible_by", 128)
    multiple *= _size(config, "tensor_model_parallel_size", 1)
    return -(-vocabulary // multiple) * multiple
