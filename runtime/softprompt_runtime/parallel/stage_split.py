"""Which blocks of a loaded model's config each pipeline stage takes."""

from collections.abc import Sequence
from typing import Any

from softprompt_plan.plan import TaskPlan
from softprompt_plan.stages import LayerShape, stage_layers
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.stage import Stage

# The same number under the names that families give it
_MLP_WIDTH = ("intermediate_size", "n_inner", "ffn_dim")


def split_stages(config: Any, num_stages: int, tasks: Sequence[TaskPlan]) -> list[Stage]:
    """The stages, in order. Raises RunFailure for more stages than layers."""
    config = config.get_text_config()
    num_layers = int(config.num_hidden_layers)
    if num_stages == 1:
        return [Stage.whole(num_layers)]
    if num_stages > num_layers:
        raise RunFailure(
            f"The base model's {num_layers} layers cannot fill {num_stages} pipeline stages",
            f"Set parallelism.pipeline_model_parallel_size to {num_layers} or less.",
        )
    layers = stage_layers(layer_shape(config), num_layers, num_stages, tasks)
    return [
        Stage(index=index, num_stages=num_stages, layers=each) for index, each in enumerate(layers)
    ]


def layer_shape(config: Any) -> LayerShape:
    """The sizes of a transformers text config, as the compiler reads them from its file."""
    width, heads = int(config.hidden_size), int(config.num_attention_heads)
    mlp_widths = (getattr(config, name, None) for name in _MLP_WIDTH)
    return LayerShape(
        family=str(config.model_type),
        width=width,
        num_heads=heads,
        num_kv_heads=int(getattr(config, "num_key_value_heads", None) or heads),
        head_dim=int(getattr(config, "head_dim", None) or max(1, width // heads)),
        mlp_width=int(next((each for each in mlp_widths if each is not None), 4 * width)),
        vocab_size=int(config.vocab_size),
    )
