"""The frozen model, tensor by tensor: how many values each rank holds.

D width, H heads, G key/value heads, E width of a head, M width of the MLP, V vocabulary.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from softprompt_compiler.memory.model_shape import ModelShape


class Place(StrEnum):
    """Where in the model a tensor is."""

    EMBEDDINGS = "embeddings"
    BLOCK = "block"  # once in each
    FINAL_NORM = "final norm"
    HEAD = "output layer"


@dataclass(frozen=True, kw_only=True)
class Weight:
    """One tensor of the model: `size` values.

    num_slices: tensor-parallel ranks share out so many equal slices of it; 0: each has all of it.
    """

    name: str
    place: Place
    size: int
    num_slices: int = 0

    def size_at(self, tensor_parallel: int) -> int:
        """Values of the first rank's part, which is the largest."""
        if not self.num_slices:
            return self.size
        return self.size // self.num_slices * -(-self.num_slices // tensor_parallel)


def weights_of(shape: ModelShape) -> tuple[Weight, ...]:
    """All tensors; those of a block once. A tied output layer is no tensor of its own."""
    vocabulary = shape.vocab_size * shape.width
    rows = shape.vocab_size
    tensors = [_weight("embeddings", Place.EMBEDDINGS, vocabulary, num_slices=rows)]
    if not shape.rotary_dim:
        positions = shape.max_positions * shape.width
        tensors.append(_weight("positions", Place.EMBEDDINGS, positions))
    tensors += _gated_block(shape) if shape.is_gated else _fused_block(shape)
    norm = shape.width if shape.is_gated else 2 * shape.width
    tensors.append(_weight("final norm", Place.FINAL_NORM, norm))
    if not shape.tied:
        tensors.append(_weight("output layer", Place.HEAD, vocabulary, num_slices=rows))
    return tuple(tensors)


def num_values(
    shape: ModelShape,
    *,
    num_blocks: int,
    is_first: bool = True,
    is_last: bool = True,
    tensor_parallel: int = 1,
    weight_shards: int = 1,
) -> int:
    """Values of the frozen weights of one rank: of a pipeline stage, and of its shard of that.

    weight_shards: replicas that share out the blocks' weights.

    The first stage has the embeddings, the last one the final norm and the output layer, which is a
    copy of the embeddings where the two are tied.
    """
    times = {
        Place.EMBEDDINGS: int(is_first or (is_last and shape.tied)),
        Place.BLOCK: num_blocks,
        Place.FINAL_NORM: int(is_last),
        Place.HEAD: int(is_last),
    }
    total = 0
    for weight in weights_of(shape):
        copies = times[weight.place]
        if weight.name == "positions":
            copies = int(is_first)
        own = weight.size_at(tensor_parallel)
        total += copies * (-(-own // weight_shards) if weight.place is Place.BLOCK else own)
    return total


def num_matrix_values(shape: ModelShape, tensor_parallel: int) -> int:
    """Values of one block's matrices on one rank."""
    in_block = [each for each in weights_of(shape) if each.place is Place.BLOCK]
    matrices = [each for each in in_block if "bias" not in each.name and "norm" not in each.name]
    return sum(each.size_at(tensor_parallel) for each in matrices)


def num_rotary_values(shape: ModelShape) -> int:
    """Float32 values of the tables of rotary positions: of each kind two copies of its frequencies,
    half a head's.
    """
    return shape.num_rotary_kinds * 2 * -(-shape.rotary_dim // 2)


def num_scale_values(shape: ModelShape) -> int:
    """Values, of the weights' type, that embeddings are multiplied with: Gemma has one."""
    return int(shape.family.startswith("gemma"))


def _gated_block(shape: ModelShape) -> Iterator[Weight]:
    width, mlp = shape.width, shape.mlp_width
    queries, keys = shape.num_heads * shape.head_dim, shape.num_kv_heads * shape.head_dim
    for name, size in (("query", queries), ("key", keys), ("value", keys)):
        yield _block(name, size * width)
        if shape.qkv_bias:
            yield _block(f"{name} bias", size)
    yield _block("attention output", width * queries)
    for name in ("gate", "up", "down"):
        yield _block(name, mlp * width)
    if shape.mlp_bias:
        yield _block("gate bias", mlp)
        yield _block("up bias", mlp)
        yield _whole("down bias", width)
    if shape.output_bias:
        yield _whole("attention output bias", width)
    yield _whole("norms", shape.num_block_norms * width)
    if shape.has_head_norms:
        yield _whole("head norms", 2 * shape.head_dim)


def _fused_block(shape: ModelShape) -> Iterator[Weight]:
    """GPT-2 and GPT-NeoX: queries, keys and values in one matrix; LayerNorms; a plain MLP."""
    width, mlp = shape.width, shape.mlp_width
    yield _block("query, key, value", 3 * width * width)
    if shape.qkv_bias:
        yield _block("query, key, value bias", 3 * width)
    yield _block("attention output", width * width)
    yield _block("MLP in", mlp * width)
    yield _block("MLP in bias", mlp)
    yield _block("MLP out", width * mlp)
    yield _whole("MLP out bias", width)
    if shape.output_bias:
        yield _whole("attention output bias", width)
    yield _whole("norms", shape.num_block_norms * 2 * width)


def _block(name: str, size: int) -> Weight:
    return _weight(name, Place.BLOCK, size, num_slices=size)


def _whole(name: str, size: int) -> Weight:
    return _weight(name, Place.BLOCK, size)


def _weight(name: str, place: Place, size: int, *, num_slices: int = 0) -> Weight:
    return Weight(name=name, place=place, size=size, num_slices=num_slices)
