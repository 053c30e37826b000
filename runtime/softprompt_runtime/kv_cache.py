"""Keys and values of tokens already read, and the forward pass that adds to them.

B rows, T new tokens of a row, K tokens the cache holds after them (padding included), S tokens of a
shared prefix, D width. Layout of a batch: the shared prefix, then padding on the left of each row's
own tokens, then what is generated; so every row's newest token is in the last column.
"""

import inspect
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from transformers import DynamicCache

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.failure import RunFailure

# The kinds of layer whose state is keys and values by position.
_ATTENTION_LAYERS = {"full_attention", "sliding_attention", "chunked_attention"}


@final
@dataclass(kw_only=True)
class CachedRows:
    """B rows in the middle of being read. Changed in place by `read` and `keep`."""

    cache: DynamicCache
    mask_BK: Tensor  # int64: 1 for a token, 0 for padding
    lengths_B: Tensor  # int64: tokens of each row so far, without padding

    @staticmethod
    def empty(num_rows: int, device: torch.device) -> "CachedRows":
        """Rows of which nothing has been read."""
        mask_BK = torch.zeros(num_rows, 0, dtype=torch.int64, device=device)
        # Without a config: every layer keeps all keys. Windowed layers mask what is out of sight.
        return CachedRows(cache=DynamicCache(), mask_BK=mask_BK, lengths_B=mask_BK.sum(dim=1))

    def repeated(self, num_rows: int) -> "CachedRows":
        """`num_rows` rows that all begin as this one row; this one stays as it is."""
        layers: list[Any] = self.cache.layers
        shape = (num_rows, -1, -1, -1)
        pairs = [(layer.keys.expand(shape), layer.values.expand(shape)) for layer in layers]
        return CachedRows(
            cache=DynamicCache(pairs),
            mask_BK=self.mask_BK.expand(num_rows, -1),
            lengths_B=self.lengths_B.expand(num_rows),
        )

    def keep(self, rows_B: Tensor) -> None:
        """Drop all rows but those of these indices, which from now on are rows 0, 1, ..."""
        self.cache.batch_select_indices(rows_B)
        self.mask_BK = self.mask_BK[rows_B]
        self.lengths_B = self.lengths_B[rows_B]


def read(
    base_model: BaseModel, rows: CachedRows, embeddings_BTD: Tensor, mask_BT: Tensor
) -> Tensor:
    """(B, D): the hidden state of each row's last token, after reading T more tokens.

    mask_BT: int64, 1 for a token and 0 for the padding before it. Positions count a row's tokens
    only, so that neither padding nor batch mates move them. A pipeline stage takes the shape alone
    of the embeddings, and hidden states from the stage before.
    """
    rows.mask_BK = torch.cat((rows.mask_BK, mask_BT), dim=1)
    stage, link = base_model.stage, base_model.link
    if not stage.is_first:
        embeddings_BTD = link.receive(
            embeddings_BTD.shape, embeddings_BTD.dtype, embeddings_BTD.device
        )
    counted_BT = mask_BT.cumsum(dim=1)
    positions_BT = (rows.lengths_B[:, None] + counted_BT - 1).clamp(min=0)
    rows.lengths_B = rows.lengths_B + counted_BT[:, -1]
    trunk: Any = base_model.hf_model.base_model
    # Families without it (OPT, BLOOM) count positions from the mask.
    takes_positions = "position_ids" in inspect.signature(trunk.forward).parameters
    output = trunk(
        inputs_embeds=embeddings_BTD,
        attention_mask=rows.mask_BK,
        past_key_values=rows.cache,
        use_cache=True,
        **({"position_ids": positions_BT} if takes_positions else {}),
    )
    if not stage.is_last:
        link.send(output.last_hidden_state)
    return output.last_hidden_state[:, -1]


def attention_window(base_model: BaseModel) -> int | None:
    """How many columns back the shortest-sighted layer sees; None if all see everything.

    transformers counts a window in columns, padding included. Raises RunFailure for a model with
    layers that keep another state than keys and values.
    """
    config = base_model.hf_model.config.get_text_config()
    kinds: set[str] = set(getattr(config, "layer_types", None) or ())
    if unknown := sorted(kinds - _ATTENTION_LAYERS):
        raise RunFailure(
            f"generation with {', '.join(unknown)} layers ({config.model_type}) is not built yet",
            "use a base model whose layers are all attention, such as Llama or GPT-2",
        )
    sizes = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    return min((int(size) for size in sizes if size is not None), default=None)
