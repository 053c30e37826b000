"""The identity of a base model: a soft prompt fits the model that it was trained on, no other."""

import hashlib
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

# What decides how weights are used; sizes are seen in the weights themselves.
_CONFIG_KEYS = ("model_type", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
_EMBEDDING_ROWS = 1024
_WEIGHT_ROWS = 64


# (rows of a matrix) to those rows, in order
ReadRows = Callable[[Tensor], Tensor]


def fingerprint_of(hf_model: Any) -> str:
    """64 hex digits that are equal for equal models, on every device and in every float type.

    A digest of signs: rounding to another type never changes the sign of a weight, while training,
    merging an adapter or quantizing changes many. Rows are sampled evenly from the embedding and
    from the last block's matrices.
    """
    return fingerprint_from(hf_model, lambda _, weight: partial(_select, weight))


def fingerprint_from(hf_model: Any, reader_of: Callable[[str, Tensor], ReadRows]) -> str:
    """The same of a whole model without values, whose rows `reader_of(name, weight)` reads."""
    config = hf_model.config.get_text_config()
    essentials = {key: getattr(config, key, None) for key in _CONFIG_KEYS}
    sha = hashlib.sha256(json.dumps(essentials, sort_keys=True).encode())
    names = {id(weight): name for name, weight in hf_model.named_parameters()}
    embedding = hf_model.get_input_embeddings().weight
    for weight, num_rows in [(embedding, _EMBEDDING_ROWS), *_last_matrices(hf_model)]:
        rows = torch.linspace(0, weight.shape[0] - 1, min(num_rows, weight.shape[0])).long()
        sampled = reader_of(names[id(weight)], weight)(rows)
        sha.update(repr(tuple(weight.shape)).encode())
        sha.update(np.packbits(torch.signbit(sampled).cpu().numpy()).tobytes())
    return sha.hexdigest()


def _select(weight_RC: Tensor, rows: Tensor) -> Tensor:
    return weight_RC.detach().index_select(0, rows.to(weight_RC.device))


def _last_matrices(hf_model: Any) -> list[tuple[Tensor, int]]:
    """The matrices of the last module list of the trunk: its last block."""
    lists = [
        module
        for module in hf_model.base_model.modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) > 0
    ]
    weights = lists[0][-1].parameters() if lists else []
    return [(weight, _WEIGHT_ROWS) for weight in weights if weight.ndim == 2]
