"""The identity of a base model: a soft prompt fits the model that it was trained on, no other."""

import hashlib
import json
from typing import Any

import numpy as np
import torch
from torch import Tensor

# What decides how weights are used; sizes are seen in the weights themselves.
_CONFIG_KEYS = ("model_type", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
_EMBEDDING_ROWS = 1024
_WEIGHT_ROWS = 64


def fingerprint_of(hf_model: Any) -> str:
    """64 hex digits that are equal for equal models, on every device and in every float type.

    A digest of signs: rounding to another type never changes the sign of a weight, while training,
    merging an adapter or quantizing changes many. Rows are sampled evenly from the embedding and
    from the last block's matrices.
    """
    config = hf_model.config.get_text_config()
    essentials = {key: getattr(config, key, None) for key in _CONFIG_KEYS}
    sha = hashlib.sha256(json.dumps(essentials, sort_keys=True).encode())
    embedding = hf_model.get_input_embeddings().weight
    for weight, num_rows in [(embedding, _EMBEDDING_ROWS), *_last_matrices(hf_model)]:
        sha.update(repr(tuple(weight.shape)).encode())
        sha.update(_signs(weight, num_rows))
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


def _signs(weight_RC: Tensor, num_rows: int) -> bytes:
    """Sign bits of rows spread evenly over the matrix."""
    rows = torch.linspace(0, weight_RC.shape[0] - 1, min(num_rows, weight_RC.shape[0])).long()
    sampled = weight_RC.detach().index_select(0, rows.to(weight_RC.device))
    return np.packbits(torch.signbit(sampled).cpu().numpy()).tobytes()
