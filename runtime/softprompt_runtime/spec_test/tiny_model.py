"""A random model of the base model's family and vocabulary, small enough to train in moments."""

from pathlib import Path
from typing import Any, cast

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from softprompt_plan.gguf import GgufError, read_metadata
from softprompt_plan.gguf_config import gguf_config
from softprompt_runtime.failure import RunFailure, first_line
from softprompt_runtime.progress_bars import without_progress_bars
from softprompt_runtime.spec_test.check import CheckSkipped

NUM_LAYERS = 2
_HEAD_DIM = 16
_NUM_HEADS = 2
WIDTH = _HEAD_DIM * _NUM_HEADS
# Large weights, so that a wrong position or a leak between rows shows in what is generated.
_INIT_STD = 0.2

# The names that families give the same size
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WIDTHS = ("hidden_size", "n_embd", "d_model", "word_embed_proj_dim")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_MLP_WIDTHS = (
    *("intermediate_size", "n_inner", "ffn_dim", "moe_intermediate_size"),
    *("shared_expert_intermediate_size", "ffn_hidden_size"),
)
_MOST = {  # sizes that may be small already
    "rotary_dim": _HEAD_DIM,
    **dict.fromkeys(("num_local_experts", "num_experts", "n_routed_experts"), 2),
    **dict.fromkeys(("num_experts_per_tok", "n_shared_experts"), 1),
}
_DROPPED = ("quantization_config", "auto_map", "torch_dtype", "dtype", "architectures")
_INIT_KEYS = ("initializer_range", "init_std")


def write_tiny_model(
    source: Path, folder: Path, *, num_heads: int = _NUM_HEADS, num_layers: int = NUM_LAYERS
) -> Any:
    """Write the model as a Hugging Face folder without tokenizer; its config.

    source: the base model's folder or GGUF file, of which only the config is read. The family, the
    vocabulary, positions, biases and norms stay; layers and widths shrink. Raises CheckSkipped for
    a family that cannot be built that small, RunFailure for a config that cannot be read.
    """
    real = _real_config(source)
    try:
        config = type(real).from_dict(shrunk(real.to_dict(), num_heads, num_layers))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
        with without_progress_bars():
            model.float().save_pretrained(folder)
    except Exception as error:  # each family has its own way to object
        message = f"no tiny model of the family {real.model_type} can be built: {first_line(error)}"
        raise CheckSkipped(message) from None
    return config


def _sizes(num_heads: int, num_layers: int) -> dict[str, int]:
    width = num_heads * _HEAD_DIM
    return {
        **dict.fromkeys(_LAYERS, num_layers),
        **dict.fromkeys(_WIDTHS, width),
        **dict.fromkeys(_HEADS, num_heads),
        **dict.fromkeys(_MLP_WIDTHS, 2 * width),
        "head_dim": _HEAD_DIM,
    }


def shrunk(
    config: dict[str, Any], num_heads: int = _NUM_HEADS, num_layers: int = NUM_LAYERS
) -> dict[str, Any]:
    """A config's values with its known sizes made small. A list a layer long keeps as many."""
    of_real = next((config[name] for name in _LAYERS if _is_size(config.get(name))), None)
    sizes = _sizes(num_heads, num_layers)
    small = {name: value for name, value in config.items() if name not in _DROPPED}
    for name, value in small.items():
        if _is_size(value):
            size = int(value)
            small[name] = min(sizes.get(name, size), _MOST.get(name, size))
        elif isinstance(value, list) and len(items := cast("list[Any]", value)) == of_real:
            small[name] = _some_of(items, num_layers)
    small.update(dict.fromkeys([name for name in _INIT_KEYS if name in config], _INIT_STD))
    heads, kv_heads = config.get("num_attention_heads"), config.get("num_key_value_heads")
    if _is_size(kv_heads):
        # Groups of queries that tensor parallelism can still share out
        fewer = 1 if num_heads == _NUM_HEADS else num_heads
        small["num_key_value_heads"] = num_heads if kv_heads == heads else fewer
    return small


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _some_of(layers: list[Any], number: int) -> list[Any]:
    """The first layer's, one that differs from it if there is any, and so on in turn."""
    other = next((item for item in layers if item != layers[0]), layers[0])
    return [(layers[0], other)[at % 2] for at in range(min(number, max(len(layers), 2)))]


def _real_config(source: Path) -> Any:
    try:
        if source.is_dir():
            config: Any = AutoConfig.from_pretrained(
                source, trust_remote_code=False, local_files_only=True
            )
            return config.get_text_config()
        values = gguf_config(read_metadata(source))
        return AutoConfig.for_model(**values)
    except GgufError as error:
        raise RunFailure(f"The model {source} cannot be read: {error.detail}") from None
    except (OSError, ValueError, KeyError, AttributeError) as error:
        message = f"The config of {source} cannot be used: {first_line(error)}"
        raise RunFailure(message) from None
