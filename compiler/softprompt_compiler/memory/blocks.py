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

from softprompt_compiler.memory.block_sizes import BlockSizes
from softprompt_compiler.memory.term import Term, term
from softprompt_plan.vocabulary import ActivationsCheckpoint

# transformers' names of GELU's tanh form that are written in steps, each of which is kept
_STEPWISE = frozenset({"gelu_new", "gelu_fast"})


def saved(sizes: BlockSizes, mode: ActivationsCheckpoint) -> tuple[Term, ...]:
    """What a block keeps from its forward pass to its backward pass."""
    if mode is ActivationsCheckpoint.FULL:
        return (block_input(sizes),)
    if sizes.shape.is_lean:
        found = _lean(sizes, mode)
    elif mode is ActivationsCheckpoint.SELECTIVE:
        found = _products(sizes)
    elif sizes.shape.is_gated:
        found = _gated(sizes)
    else:
        found = _gpt2(sizes) if sizes.shape.family == "gpt2" else _gpt_neox(sizes)
    return (*found, *_cast_weights(sizes))


def _cast_weights(sizes: BlockSizes) -> Iterator[Term]:
    """Autocast makes a copy of a frozen weight each time, and its product keeps it."""
    if sizes.cast_values:
        yield term("weights in 16 bits", ("weights", sizes.cast_values), 2)
    if sizes.cast_masks:
        yield term("attention masks in 16 bits", ("Q", sizes.cast_masks), 2)


def while_going_back(sizes: BlockSizes, mode: ActivationsCheckpoint) -> tuple[Term, ...]:
    """What a block holds in the backward pass of its MLP, beside that pass's own gradients.

    A block that is computed again holds what it would have kept; what it did keep is among it, or
    is dropped. Lean blocks compute the core of attention again later, when the MLP is done.
    """
    if sizes.shape.is_lean and mode is ActivationsCheckpoint.SELECTIVE:
        return saved(sizes, mode)
    return saved(sizes, ActivationsCheckpoint.NONE)


def working(sizes: BlockSizes) -> tuple[Term, ...]:
    """What the backward pass of a block's MLP holds besides: where a block needs most."""
    residual = term("gradient of the residual stream", sizes.sn, sizes.d, sizes.w)
    if sizes.shape.is_lean:
        # of the product, of gate and up, and the product that gate's comes from
        return residual, term("gradients in the MLP", 4, sizes.n, sizes.m, sizes.b)
    if sizes.shape.is_gated:
        return residual, term("gradients in the MLP", 3, sizes.n, sizes.m, sizes.b)
    if sizes.shape.activation in _STEPWISE:
        return (
            term("gradients of the residual stream", 2, sizes.sn, sizes.d, sizes.w),
            term("gradients in the MLP", 3, sizes.n, sizes.m, sizes.b),
        )
    return residual, term("gradients in the MLP", 2, sizes.n, sizes.m, sizes.b)


def going_forward(sizes: BlockSizes) -> tuple[Term, ...]:
    """What the forward pass of a transformers block holds at its end, beside what it keeps.

    What goes into the MLP and what comes out; of a parallel block also what attention gave; copies
    for the sums over tensor-parallel ranks.
    """
    shape, ranks = sizes.shape, sizes.tensor_parallel
    number = 2 + shape.has_parallel_residual + (ranks > 1) + sizes.sequence_parallel
    return (
        term("output of the activation", sizes.r, sizes.m, sizes.b),
        term("hidden states on their way", number, sizes.r, sizes.d, sizes.b),
    )


def attention_moments(sizes: BlockSizes, mode: ActivationsCheckpoint) -> list[tuple[Term, ...]]:
    """What a lean block holds in the backward pass of its attention: its MLP's part is gone.

    One row's gradients are taken at a time. That of keys and values comes for each query head, and
    is then summed over the heads of a group.
    """
    r, h, g, e, b = sizes.r, sizes.h, sizes.g, sizes.e, sizes.b
    is_selective = mode is ActivationsCheckpoint.SELECTIVE
    kept = [block_input(sizes), term("gradient of the residual stream", sizes.s, sizes.d, sizes.w)]
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


def block_input(sizes: BlockSizes) -> Term:
    """What goes into a block: the residual stream."""
    return term("input", sizes.s, sizes.d, sizes.w)


def _lean(sizes: BlockSizes, mode: ActivationsCheckpoint) -> Iterator[Term]:
    """The runtime's own trunk: Llama, Mistral, Qwen 2 and 3."""
    n, b = sizes.n, sizes.b
    yield block_input(sizes)
    yield term("scale of the first norm", sizes.s, 4)
    if mode is ActivationsCheckpoint.SELECTIVE:
        yield from _before_core(sizes)
    else:
        yield from core_of_attention(sizes)
    yield term("input of the second norm", sizes.sn, sizes.d, sizes.w)
    yield term("scale of the second norm", sizes.sn, 4)
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
    if sizes.joined and sizes.cast_values:  # autocast copies the keys of a group for each head
        yield term("keys, gathered, for each query head", sizes.j, sizes.h, e, b)
        yield term("values, gathered", sizes.j, g, e, b)
    elif sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, g, e, b)
    yield from _attended(sizes)


def _attended(sizes: BlockSizes) -> Iterator[Term]:
    yield term("output of attention", sizes.r, sizes.h, sizes.e, sizes.b)
    yield term("logarithms of attention's sums", sizes.r, sizes.h, 4)


def _gpt2(sizes: BlockSizes) -> Iterator[Term]:
    """transformers' GPT2Block."""
    r, b = sizes.r, sizes.b
    yield block_input(sizes)
    yield term("input of the second norm", sizes.s, sizes.d, sizes.w)
    yield term("means and deviations of the norms", 4, sizes.s, 4)
    # queries and values are views of one product, which lives as long as they do
    yield term("queries, keys and values", 3, r, sizes.h, sizes.e, b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, sizes.h, sizes.e, b)
    yield from _attended(sizes)
    yield from _activation(sizes)


def _gpt_neox(sizes: BlockSizes) -> Iterator[Term]:
    """transformers' GPTNeoXLayer."""
    r, h, e, b = sizes.r, sizes.h, sizes.e, sizes.b
    yield block_input(sizes)
    if not sizes.shape.has_parallel_residual:
        yield term("input of the second norm", sizes.s, sizes.d, sizes.w)
    yield term("means and deviations of the norms", 4, sizes.s, 4)
    yield term("queries, keys and values", 3, r, h, e, b)  # values are a view of it
    yield term("queries, turned", r, h, e, b)
    if sizes.rooted:
        yield term("keys, turned", r, h, e, b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, h, e, b)
    yield from _attended(sizes)
    yield from _activation(sizes)


def _gated(sizes: BlockSizes) -> Iterator[Term]:
    """transformers' own blocks of Gemma, Gemma 3, Granite and SmolLM3. Norms keep float32."""
    r, h, g, e, m = sizes.r, sizes.h, sizes.g, sizes.e, sizes.m
    norms = sizes.shape.num_block_norms
    if sizes.value_bytes == 4:  # no copy: the first one is the block's input
        yield block_input(sizes)
        yield term("inputs of the later norms", norms - 1, sizes.s, sizes.d, 4)
    else:
        yield term("inputs of the norms", norms, sizes.s, sizes.d, 4)
    yield term("scales of the norms", norms, sizes.s, 4)
    if sizes.shape.has_head_norms:
        yield term("queries before their norm", r, h, e, 4)
        yield term("keys before their norm", r, g, e, 4)
        yield term("scales of the head norms", r, ("H + G", h[1] + g[1]), 4)
    yield term("queries", r, h, e, sizes.b)
    if sizes.rooted:
        yield term("keys", r, g, e, sizes.b)
        yield term("values", r, g, e, sizes.b)
    if sizes.joined:
        yield term("keys and values, gathered", 2, sizes.j, g, e, sizes.b)
    yield from _attended(sizes)
    yield term("gate and up", 2, r, m, sizes.b)
    yield term("gate after the activation", r, m, sizes.b)


def _activation(sizes: BlockSizes) -> Iterator[Term]:
    yield term("input of the activation", sizes.r, sizes.m, sizes.b)
    if sizes.shape.activation in _STEPWISE:  # half of x, the tangent, and one more than it
        yield term("steps of the activation", 3, sizes.r, sizes.m, sizes.b)


def _products(sizes: BlockSizes) -> Iterator[Term]:
    """Selective checkpointing of transformers' blocks: the input, and products with weights."""
    r, b = sizes.r, sizes.b
    yield block_input(sizes)
    if sizes.shape.is_gated:
        yield term("queries before their rotation", r, sizes.h, sizes.e, b)
        yield term("keys before their rotation", r, sizes.g, sizes.e, b)
        yield term("values", r, sizes.g, sizes.e, b)
        yield term("gate and up", 2, r, sizes.m, b)
    else:
        yield term("queries, keys and values", 3, r, sizes.h, sizes.e, b)
        yield term("input of the activation", r, sizes.m, b)
    yield term("output projection of attention", r, sizes.d, b)
    yield term("output of the MLP", r, sizes.d, b)
