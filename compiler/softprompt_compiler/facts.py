"""Facts of a base model from its config and the headers of its weights, without torch."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, cast

from softprompt_compiler.memory.model_shape import ModelShape, shape_of
from softprompt_compiler.weights import WeightFacts, gguf_weights
from softprompt_plan.gguf import GgufError, GgufMetadata, read_metadata
from softprompt_plan.gguf_config import gguf_config
from softprompt_plan.model_source import Located
from softprompt_plan.vocabulary import ModelDtype, ModelSourceKind
from softprompt_plan.weight_shapes import ModelSizes

# The same number under the names that families give it, the most usual first
_WIDTH = ("hidden_size", "n_embd", "d_model")
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers")
_HEADS = ("num_attention_heads", "n_head", "num_heads")
_KV_HEADS = ("num_key_value_heads", "num_kv_heads")
_MLP_WIDTH = ("intermediate_size", "n_inner", "ffn_dim")
_POSITIONS = ("max_position_embeddings", "n_positions", "max_seq_len")
# Families whose configs leave tie_word_embeddings out because it is true
_TIED = frozenset(
    {"gpt2", "gpt_neo", "gpt_bigcode", "opt", "bloom", "falcon", "mpt", "codegen", "smollm3"}
)
_OTHER_HEADS = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
)
_MAX_SIZE = 1 << 31


class ModelFactsFaultKind(StrEnum):
    """Why a model's facts cannot be read."""

    UNREADABLE = "unreadable"  # the files are not there, not whole, or not what they should be
    NOT_CAUSAL = "not_causal"  # the model does not continue text
    UNSUPPORTED = "unsupported"


class ModelFactsError(ValueError):
    """No facts. `detail` is a plain sentence, `help` what to do, or ""."""

    def __init__(self, kind: ModelFactsFaultKind, detail: str, help: str = "") -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.help = help


@dataclass(frozen=True, kw_only=True)
class ModelFacts:
    """One base model's numbers."""

    family: str  # transformers' model_type
    width: int  # D, of the embeddings
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    mlp_width: int
    vocab_size: int  # V, rows of the embeddings; the tokenizer may have fewer
    max_positions: int | None  # None: no limit stated
    tied: bool  # the output layer is the embeddings
    has_weights: bool  # False for a folder that holds a config and no weights
    kind: ModelSourceKind
    digest: str  # sha256 of the config
    weights: WeightFacts | None = None  # None where there are none, or only pickled ones
    shape: ModelShape | None = None  # None: a family that is not known part by part
    dtype: ModelDtype | None = None  # that it was trained or saved in, by its config


def read_model_facts(model: Located) -> ModelFacts:
    """The facts of a located model. Raises ModelFactsError."""
    if model.kind is ModelSourceKind.NEMO:
        from softprompt_compiler.nemo_facts import read_nemo_facts  # few models are NeMo's

        return read_nemo_facts(model.path)
    metadata = None if model.path.is_dir() else _gguf_metadata(model.path)
    config = _folder_config(model.path) if metadata is None else _gguf_config(metadata)
    text_config = config.get("text_config")  # of a model that also sees or hears
    if isinstance(text_config, dict) and not any(name in config for name in _WIDTH):
        config = config | cast("dict[str, Any]", text_config)
    _refuse_other_models(config)
    sizes = _sizes(config)
    if metadata is None:
        from softprompt_compiler.folder_weights import folder_weights

        packed = config.get("quantization_config") is not None
        weights = folder_weights(model.path, sizes, packed=packed)
        has_weights = weights is not None or _has_weights(model.path)
    else:
        weights, has_weights = gguf_weights(metadata), True
    return ModelFacts(
        **vars(sizes),
        has_weights=has_weights,
        kind=model.kind,
        digest=hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        weights=weights,
        shape=shape_of(config),
        dtype=_dtype(config),
    )


def _gguf_metadata(path: Path) -> GgufMetadata:
    try:
        return read_metadata(path)
    except GgufError as error:
        kind = ModelFactsFaultKind.UNSUPPORTED
        raise ModelFactsError(kind, error.detail, error.help) from None


def _gguf_config(metadata: GgufMetadata) -> dict[str, Any]:
    try:
        return gguf_config(metadata)
    except GgufError as error:
        kind = ModelFactsFaultKind.UNSUPPORTED
        raise ModelFactsError(kind, error.detail, error.help) from None


def _folder_config(folder: Path) -> dict[str, Any]:
    try:
        value: Any = json.loads((folder / "config.json").read_bytes())
    except OSError as error:
        detail = f"config.json cannot be read: {error.strerror}"
        raise ModelFactsError(ModelFactsFaultKind.UNREADABLE, detail) from None
    except (ValueError, RecursionError):
        detail = "config.json is not JSON"
        raise ModelFactsError(ModelFactsFaultKind.UNREADABLE, detail) from None
    if not isinstance(value, dict):
        raise ModelFactsError(ModelFactsFaultKind.UNREADABLE, "config.json is no JSON object")
    return cast("dict[str, Any]", value)


def _has_weights(folder: Path) -> bool:
    return any(True for pattern in ("*.safetensors", "*.bin") for _ in folder.glob(pattern))


def _refuse_other_models(config: Mapping[str, Any]) -> None:
    named = config.get("architectures")
    names = cast("list[Any]", named) if isinstance(named, list) else []
    other = [name for name in names if isinstance(name, str) and name.endswith(_OTHER_HEADS)]
    if config.get("is_encoder_decoder") is True:
        other = other or [str(config.get("model_type"))]
    if other:
        detail = f"`{other[0]:.80}` is not a causal language model"
        help = (
            "name a model that continues text, such as one whose architecture ends in ForCausalLM"
        )
        raise ModelFactsError(ModelFactsFaultKind.NOT_CAUSAL, detail, help)


def _dtype(config: Mapping[str, Any]) -> ModelDtype | None:
    named = config.get("dtype", config.get("torch_dtype"))
    return ModelDtype(named) if isinstance(named, str) and named in set(ModelDtype) else None


def _sizes(config: Mapping[str, Any]) -> ModelSizes:
    family = config.get("model_type")
    if not isinstance(family, str):
        raise ModelFactsError(ModelFactsFaultKind.UNREADABLE, "config.json has no `model_type`")
    width, heads = size_of(config, _WIDTH), size_of(config, _HEADS)
    tied = config.get("tie_word_embeddings")
    return ModelSizes(
        family=family,
        width=width,
        num_layers=size_of(config, _LAYERS),
        num_heads=heads,
        num_kv_heads=size_of(config, _KV_HEADS, heads),
        head_dim=size_of(config, ("head_dim",), max(1, width // heads)),
        mlp_width=size_of(config, _MLP_WIDTH, 4 * width),
        vocab_size=size_of(config, ("vocab_size",)),
        max_positions=size_of(config, _POSITIONS, 0) or None,
        tied=tied if isinstance(tied, bool) else family in _TIED or family.startswith("gemma"),
    )


def size_of(
    config: Mapping[str, Any],
    names: tuple[str, ...],
    default: int | None = None,
    file: str = "config.json",
) -> int:
    """The first of the names that the config gives a number. null counts as absent.

    Raises ModelFactsError for something else under a name, and where there is none and no default.
    """
    for name in names:
        value = config.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MAX_SIZE:
            detail = f"{file}: `{name}` is {value!r:.40}, not a count"
            raise ModelFactsError(ModelFactsFaultKind.UNREADABLE, detail)
        return value
    if default is None:
        detail = f"{file} has no `{names[0]}`"
        raise ModelFactsError(ModelFactsFaultKind.UNSUPPORTED, detail)
    return default
