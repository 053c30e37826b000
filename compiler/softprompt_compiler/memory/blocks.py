"""What one transformer block keeps for its backward pass, and what that pass needs besides.

Each term is a tensor, or a few of a size, that autograd really saves in the runtime's step: read
off with `torch.autograd.graph.saved_tensors_hooks`, and held to torch's memory tracker by
`tests/contract/test_memory_plan.py`. Weights never train, so that no input of a matrix product is
kept for a weight's gradient.

R tokens with gradients, N of them wanted, J keys that continuing rows gather, D width, H heads,
G key/value heads, E width of a head, M width of the MLP, b bytes of a value. H, G and M are one
tensor-parallel rank's.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.term import Factor, Term, term
from softprompt_plan.vocabulary import ActivationsCheckpoint

# transformers' names of GELU's tanh form that are written in steps, each of which is kept
_STEPWISE = frozenset({"gelu_new", "gelu_fast"})


@dataclass(frozen=True, kw_only=True)
class BlockSizes:
    """One block's numbers on one rank. rooted: of `tokens`, in rows that continue nothing.

    wanted: tokens that the block's result is needed at. longest: queries and keys of the row that
    has most.
    """

    shape: ModelShape
    value_bytes: int
    tokens: int
    wanted: int
    rooted: int
    joined: int
    longest: tuple[int, int]
    tensor_parallel: int = 1

    @property
    def b(self) -> Factor:
        """Bytes of a value of the model's type."""
        return "b", self.value_bytes

    @property
    def r(self) -> Factor:
        """Tokens with gradients."""
        return "R", self.tokens

    @property
    def n(self) -> Factor:
        """Wanted tokens."""
        return ("R", self.tokens) if self.wanted == self.tokens else ("N", self.wanted)

    @property
    def j(self) -> Factor:
        """Gathered keys."""
        return "J", self.joined

    @property
    def d(self) -> Factor:
        """Width."""
        return "D", self.shape.width

    @property
    def h(self) -> Factor:
        """Heads of the rank."""
        return "H", self.shape.num_heads // self.tensor_parallel

    @property
    def g(self) -> Factor:
        """Key/value heads of the rank."""
        return "G", self.shape.num_kv_heads // self.tensor_parallel

    @property
    def e(self) -> Factor:
        """Width of a head."""
        return "E", self.shape.head_dim

    @property
    def m(self) -> Factor:
        """Width of the rank's MLP."""
        return "M", self.shape.mlp_width // self.tensor_parallel


def saved(sizes: BlockSizes, mode: ActivationsCheckpoint) -> tuple[Term, ...]:
    """What a block keeps from its forward pass to its backward pass."""
    if mode is ActivationsCheckpoint.FULL:
        return (_input(sizes),)
    if sizes.shape.is_lean:
        return tuple(_lean(sizes, mode))
    if mode is ActivationsCheckpoint.SELECTIVE:
        return tuple(_products(sizes))
    return tuple(_gpt2(sizes) if sizes.shape.family == "gpt2" else _gpt_neox(sizes))


def recomputed(sizes: BlockSizes, mode: ActivationsCheckpoint) -> tuple[Term, ...]:
    """What is computed again, all at once, before a block's backward pass."""
    if mode is ActivationsCheckpoint.NONE or (
        sizes.shape.is_lean and mode is ActivationsCheckpoint.SELECTIVE
    ):
        return ()  # lean blocks compute the core of attention again, when the MLP is done
    kept = {each.name for each in saved(sizes, mode)}
    everything = saved(sizes, ActivationsCheckpoint.NONE)
    return tuple(each for each in everything if each.name not in kept)


def working(sizes: BlockSizes) -> tuple[Term, ...]:
    """What the backward pass of a block's MLP holds besides: where a block needs most."""
    residual = term("gradient of the residual stream", sizes.n, sizes.d, sizes.b)
    if sizes.shape.is_lean:
        # of the product, of gate and up, and the product that gate's comes from
        return residual, term("gradients in the MLP", 4, sizes.n, sizes.m, sizes.b)
    if sizes.shape.activation in _STEPWISE:
        return (
            term("gradients of the residual stream", 2, sizes.n, sizes.d, sizes.b),
            term("gradients in the MLP", 3, sizes.n, sizes.m, sizes.b),
        )
    return residual, term("gradients in the MLP", 2, sizes.n, sizes.m, sizes.b)


def attention_moments(sizes: BlockSizes, mode: ActivationsCheckpoint) -> list[tuple[Term, ...]]:
    """What a lean block holds in the backward pass of its attention: its MLP's part is gone.

    One row's gradients are taken at a time. That of keys and values comes for each query head, and
    is then summed over the heads of a group.
    """
    r, h, g, e, b = sizes.r, sizes.h, sizes.g, sizes.e, sizes.b
    is_selective = mode is ActivationsCheckpoint.SELECTIVE
    kept = [_input(sizes), term("gradient of the residual stream", r, sizes.d, b)]
    if is_selective:
        kept += _before_core(sizes)
        again = _core_again(sizes)
    else:
        again = core_of_attention(sizes)
    core = [*kept, *again, term("gradient of attention's output", r, h, e, b)]
    queries, keys = sizes.longest
    of_a_row = [term("gradient of one row's output, twice", 2, ("Q", queries), h, e, b)]
    if sizes.shape.num_heads != sizes.shape.num_kv_heads:
        of_a_row.append(term("gradients of one row's keys and values", 2, ("K", keys), h, e, b))
    found = [(*core, *of_a_row)]
    if mode is ActivationsCheckpoint.NONE:
        found.append((*core, term("the same, of wanted tokens put among all", r, h, e, b)))
    if sizes.shape.has_head_norms:
        before = [] if is_selective else [*_before_head_norms(sizes)]
        in_norm = term("gradients in the norm of queries", 3, r, h, e, 4)
        others = term("gradients of keys and values", 2, r, g, e, b)
        gradient = term("gradient of queries", r, h, e, b)
        found.append((*kept, *before, in_norm, others, gradient))
    return found


def _core_again(sizes: BlockSizes) -> Iterator[Term]:
    """The core of attention beside the queries, keys and values that it starts from."""
    r, g, e, b = sizes.r, sizes.g, sizes.e, sizes.b
    yield term("queries", r, sizes.h, e, b)
    if sizes.rooted:
        yield term("keys", r, g, e, b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, g, e, b)
    yield from _attended(sizes)


def _input(sizes: BlockSizes) -> Term:
    return term("input", sizes.r, sizes.d, sizes.b)


def _lean(sizes: BlockSizes, mode: ActivationsCheckpoint) -> Iterator[Term]:
    """The runtime's own trunk: Llama, Mistral, Qwen 2 and 3."""
    r, n, b = sizes.r, sizes.n, sizes.b
    yield _input(sizes)
    yield term("scale of the first norm", r, 4)
    if mode is ActivationsCheckpoint.SELECTIVE:
        yield from _before_core(sizes)
    else:
        yield from core_of_attention(sizes)
    yield term("input of the second norm", n, sizes.d, b)
    yield term("scale of the second norm", n, 4)
    yield term("gate and up", 2, n, sizes.m, b)


def _before_core(sizes: BlockSizes) -> Iterator[Term]:
    r, e, b = sizes.r, sizes.e, sizes.b
    yield term("queries before the core of attention", r, sizes.h, e, b)
    yield term("keys and values before it", 2, r, sizes.g, e, b)


def _before_head_norms(sizes: BlockSizes) -> Iterator[Term]:
    r, h, g, e, b = sizes.r, sizes.h, sizes.g, sizes.e, sizes.b
    yield term("queries before their norm", r, h, e, b)
    yield term("keys before their norm", r, g, e, b)
    yield term("scales of the query norms", r, h, 4)
    yield term("scales of the key norms", r, g, 4)


def core_of_attention(sizes: BlockSizes) -> Iterator[Term]:
    """What scaled dot-product attention keeps, and head norms and rotations before it."""
    r, g, e, b = sizes.r, sizes.g, sizes.e, sizes.b
    if sizes.shape.has_head_norms:
        yield from _before_head_norms(sizes)
    yield term("queries", r, sizes.h, e, b)
    if sizes.rooted:
        yield term("keys and values", 2, r, g, e, b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, g, e, b)
    yield from _attended(sizes)


def _attended(sizes: BlockSizes) -> Iterator[Term]:
    yield term("output of attention", sizes.r, sizes.h, sizes.e, sizes.b)
    yield term("logarithms of attention's sums", sizes.r, sizes.h, 4)


def _gpt2(sizes: BlockSizes) -> Iterator[Term]:
    """transformers' GPT2Block."""
    r, d, b = sizes.r, sizes.d, sizes.b
    yield _input(sizes)
    yield term("input of the second norm", r, d, b)
    yield term("means and deviations of the norms", 4, r, 4)
    # queries and values are views of one product, which lives as long as they do
    yield term("queries, keys and values", 3, r, sizes.h, sizes.e, b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, sizes.h, sizes.e, b)
    yield from _attended(sizes)
    yield from _activation(sizes)


def _gpt_neox(sizes: BlockSizes) -> Iterator[Term]:
    """transformers' GPTNeoXLayer."""
    r, h, e, b = sizes.r, sizes.h, sizes.e, sizes.b
    yield _input(sizes)
    if not sizes.shape.has_parallel_residual:
        yield term("input of the second norm", r, sizes.d, b)
    yield term("means and deviations of the norms", 4, r, 4)
    yield term("queries, keys and values", 3, r, h, e, b)  # values are a view of it
    yield term("queries, turned", r, h, e, b)
    if sizes.rooted:
        yield term("keys, turned", r, h, e, b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, h, e, b)
    yield from _attended(sizes)
    yield from _activation(sizes)


def _activation(sizes: BlockSizes) -> Iterator[Term]:
    yield term("input of the activation", sizes.r, sizes.m, sizes.b)
    if sizes.shape.activation in _STEPWISE:  # half of x, the tangent, and one more than it
        yield term("steps of the activation", 3, sizes.r, sizes.m, sizes.b)


def _products(sizes: BlockSizes) -> Iterator[Term]:
    """Selective checkpointing of transformers' blocks: the input, and products with weights."""
    r, b = sizes.r, sizes.b
    yield _input(sizes)
    yield term("queries, keys and values", 3, r, sizes.h, sizes.e, b)
    yield term("output projection of attention", r, sizes.d, b)
    yield term("input of the activation", r, sizes.m, b)
    yield term("output of the MLP", r, sizes.d, b)
