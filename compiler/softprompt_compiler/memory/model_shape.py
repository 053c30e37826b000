"""The sizes of a model's parts, from its config alone.

A config leaves out what equals its family's default. The defaults here are transformers'.

D width, H heads, G key/value heads, E width of a head, M width of the MLP, V vocabulary.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

# transformers' model types whose blocks are: norms, rotary attention, gated MLP
_GATED = frozenset(
    {"llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text", "granite", "smollm3"}
)
# Those that the runtime runs through its own trunk, which keeps less (runtime's lean_trunk.py)
_LEAN = frozenset({"llama", "mistral", "qwen2", "qwen3"})
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "llama": {"intermediate_size": 11008},
    "mistral": {"intermediate_size": 14336, "num_key_value_heads": 8},
    "qwen2": {"intermediate_size": 22016, "num_key_value_heads": 32, "attention_bias": True},
    "qwen3": {"intermediate_size": 22016, "num_key_value_heads": 32, "head_dim": 128},
    "gemma": {"intermediate_size": 24576, "num_key_value_heads": 16, "head_dim": 256},
    "gemma2": {"intermediate_size": 9216, "num_key_value_heads": 4, "head_dim": 256},
    "gemma3_text": {"intermediate_size": 9216, "num_key_value_heads": 4, "head_dim": 256},
    "granite": {"intermediate_size": 11008},
    "smollm3": {"intermediate_size": 11008, "num_key_value_heads": 4},
    "gpt_neox": {"intermediate_size": 24576, "attention_bias": True},
}
_TIED = frozenset({"gemma", "gemma2", "gemma3_text", "smollm3", "gpt2"})


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """What decides the sizes of one model's weights and activations."""

    family: str  # transformers' model_type
    width: int
    num_layers: int
    num_heads: int
    num_kv_heads: int
    head_dim: int
    mlp_width: int
    vocab_size: int
    max_positions: int  # 0: none stated
    rotary_dim: int  # of a head; 0: learned positions
    num_rotary_kinds: int  # layers that turn by frequencies of their own
    tied: bool  # the output layer is the embeddings
    qkv_bias: bool
    output_bias: bool  # of the attention's output
    mlp_bias: bool
    is_gated: bool  # the MLP is down(act(gate) * up), norms are RMSNorm
    num_block_norms: int
    has_head_norms: bool  # queries and keys are normed, each head by itself
    activation: str  # of the MLP, in transformers' words
    has_parallel_residual: bool  # attention and MLP read the same input
    is_lean: bool  # the runtime's own trunk runs it


def shape_of(config: Mapping[str, Any]) -> ModelShape | None:
    """The shape of a causal language model; None for a family that is not known part by part.

    config: sound in the sizes that `facts` reads. Values of a wrong type count as absent.
    """
    family = config.get("model_type")
    if not isinstance(family, str):
        return None
    known = _Known(family, config)
    if family in _GATED:
        return _gated(known)
    if family == "gpt2":
        return _gpt2(known)
    return _gpt_neox(known) if family == "gpt_neox" else None


class _Known:
    """A config's values, or else the family's."""

    def __init__(self, family: str, config: Mapping[str, Any]) -> None:
        self.family = family
        self._config = {**_DEFAULTS.get(family, {}), **_given(config)}

    def count(self, *names: str, default: int = 0) -> int:
        values = [self._config.get(name) for name in names]
        found = [v for v in values if isinstance(v, int) and not isinstance(v, bool)]
        return found[0] if found else default

    def flag(self, name: str, default: bool = False) -> bool:
        value = self._config.get(name, default)
        return value if isinstance(value, bool) else default

    def share(self, name: str, default: float) -> float:
        value = self._config.get(name, default)
        return float(value) if isinstance(value, int | float) else default

    def num_kinds(self) -> int:
        """Kinds of layer; every sixth of Gemma 3 is global, unless the config says otherwise."""
        named = self._config.get("layer_types")
        if isinstance(named, list):
            return len({str(kind) for kind in cast("list[Any]", named)})
        return 2 if self.count("num_hidden_layers") >= 6 else 1

    def text(self, name: str) -> str | None:
        value = self._config.get(name)
        return value if isinstance(value, str) else None


def _given(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value is not None}


def _gated(known: _Known) -> ModelShape:
    family = known.family
    width, heads = known.count("hidden_size"), known.count("num_attention_heads", default=1)
    head_dim = known.count("head_dim", default=width // heads)
    bias = known.flag("attention_bias")
    activation = known.text("hidden_act") or ("gelu" if family.startswith("gemma") else "silu")
    return ModelShape(
        family=family,
        width=width,
        num_layers=known.count("num_hidden_layers"),
        num_heads=heads,
        num_kv_heads=known.count("num_key_value_heads", default=heads),
        head_dim=head_dim,
        mlp_width=known.count("intermediate_size"),
        vocab_size=known.count("vocab_size"),
        max_positions=known.count("max_position_embeddings"),
        rotary_dim=head_dim,
        num_rotary_kinds=known.num_kinds() if family == "gemma3_text" else 1,
        tied=known.flag("tie_word_embeddings", family in _TIED),
        # Mistral and Qwen 2 read no attention_bias: the one never has, the other always.
        qkv_bias=family == "qwen2" or (bias and family != "mistral"),
        output_bias=bias and family not in ("mistral", "qwen2"),
        mlp_bias=known.flag("mlp_bias") and family in ("llama", "granite", "smollm3"),
        is_gated=True,
        num_block_norms=4 if family in ("gemma2", "gemma3_text") else 2,
        has_head_norms=family in ("qwen3", "gemma3_text"),
        activation=activation,
        has_parallel_residual=False,
        is_lean=family in _LEAN and activation == "silu",
    )


def _gpt2(known: _Known) -> ModelShape:
    width = known.count("n_embd", "hidden_size", default=768)
    heads = known.count("n_head", "num_attention_heads", default=12)
    return ModelShape(
        family=known.family,
        width=width,
        num_layers=known.count("n_layer", "num_hidden_layers", default=12),
        num_heads=heads,
        num_kv_heads=heads,
        head_dim=width // heads,
        mlp_width=known.count("n_inner", default=4 * width),
        vocab_size=known.count("vocab_size", default=50257),
        max_positions=known.count("n_positions", "max_position_embeddings", default=1024),
        rotary_dim=0,
        num_rotary_kinds=0,
        tied=known.flag("tie_word_embeddings", default=True),
        qkv_bias=True,
        output_bias=True,
        mlp_bias=True,
        is_gated=False,
        num_block_norms=2,
        has_head_norms=False,
        activation=known.text("activation_function") or "gelu_new",
        has_parallel_residual=False,
        is_lean=False,
    )


def _gpt_neox(known: _Known) -> ModelShape:
    width, heads = known.count("hidden_size"), known.count("num_attention_heads", default=1)
    head_dim = width // heads
    bias = known.flag("attention_bias")
    return ModelShape(
        family=known.family,
        width=width,
        num_layers=known.count("num_hidden_layers"),
        num_heads=heads,
        num_kv_heads=heads,
        head_dim=head_dim,
        mlp_width=known.count("intermediate_size"),
        vocab_size=known.count("vocab_size"),
        max_positions=known.count("max_position_embeddings"),
        rotary_dim=int(head_dim * known.share("rotary_pct", 0.25)),
        num_rotary_kinds=1,
        tied=known.flag("tie_word_embeddings"),
        qkv_bias=bias,
        output_bias=bias,
        mlp_bias=True,
        is_gated=False,
        num_block_norms=2,
        has_head_norms=False,
        activation=known.text("hidden_act") or "gelu",
        has_parallel_residual=known.flag("use_parallel_residual", default=True),
        is_lean=False,
    )
