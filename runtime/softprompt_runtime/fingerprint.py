"""The identity of a base model: a soft prompt fits the model that it was trained on, no other."""

import hashlib
import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

from softprompt_runtime.parallel.tensor_model import TensorShards

# What decides how weights are used; sizes are seen in the weights themselves.
_CONFIG_KEYS = ("model_type", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
_EMBEDDING_ROWS = 1024
_WEIGHT_ROWS = 64


def fingerprint_of(hf_model: Any, shards: TensorShards | None = None) -> str:
    """64 hex digits that are equal for equal models, on every device and in every float type.

    A digest of signs: rounding to another type never changes the sign of a weight, while training,
    merging an adapter or quantizing changes many. Rows are sampled evenly from the embedding and
    from the last block's matrices. shards: of a model that is shared out over processes, which
    all call this and get the whole model's digits.
    """
    config = hf_model.config.get_text_config()
    essentials = {key: getattr(config, key, None) for key in _CONFIG_KEYS}
    sha = hashlib.sha256(json.dumps(essentials, sort_keys=True).encode())
    names = {id(weight): name for name, weight in hf_model.named_parameters()}
    embedding = hf_model.get_input_embeddings().weight
    for weight, num_rows in [(embedding, _EMBEDDING_ROWS), *_last_matrices(hf_model)]:
        name = names[id(weight)]
        shape = shards.shape_of(name, weight) if shards else tuple(weight.shape)
        rows = torch.linspace(0, shape[0] - 1, min(num_rows, shape[0])).long().to(weight.device)
        own = weight.detach()
        signs = shards.signs(name, own, rows) if shards else own.index_select(0, rows).signbit()
        sha.update(repr(shape).encode())
        sha.update(np.packbits(signs.cpu().numpy()).tobytes())
    return sha.hexdigest()


def _last_matrices(hf_model: Any) -> list[tuple[Tensor, int]]:
    """The matrices of the last module list of the trunk: its last block."""
    lists = [
        module
        for module in hf_model.base_model.modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) > 0
    ]
    weights = lists[0][-1].parameters() if lists else []
    return [(weight, _WEIGHT_ROWS) for weight in weights if weight.ndim == 2]
