"""What a block's norms need in their backward pass.

R tokens with gradients, S those of them that the rank holds, D width.
"""

from softprompt_compiler.memory.block_sizes import BlockSizes
from softprompt_compiler.memory.blocks import block_input, core_of_attention, saved
from softprompt_compiler.memory.term import Term, term
from softprompt_plan.vocabulary import ActivationsCheckpoint

_OF_THE_MLP = frozenset({"gate and up", "gate after the activation"})


def norm_moments(sizes: BlockSizes) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
    """What a lean block holds in the backward pass of its second norm, and of its first one.

    Norms are whole on each tensor-parallel rank, so that with many ranks they need most. They are
    taken in float32: the gradient, the input, and their product.
    """
    copies = 2 if sizes.w[1] == 4 else 3
    working = (
        term("gradients in a norm", copies, sizes.s, sizes.d, 4),
        term("gradients before and after it", 2, sizes.s, sizes.d, sizes.w),
    )
    second = term("input of the second norm", sizes.s, sizes.d, sizes.w)
    return (
        (block_input(sizes), *core_of_attention(sizes), second, *working),
        (block_input(sizes), *working),
    )


def in_a_python_norm(sizes: BlockSizes) -> tuple[Term, ...]:
    """What the backward pass of transformers' RMSNorm holds: it is written in steps, in float32.

    The gradients of the product, of the root, of the mean and of the square, and their sum.
    """
    return (
        term("gradients in a norm", 5, sizes.s, sizes.d, 4),
        term("gradient beside it", sizes.s, sizes.d, sizes.w),
    )


def python_norm_moment(sizes: BlockSizes) -> tuple[Term, ...]:
    """A gated transformers block in the backward pass of a norm.

    With two norms the MLP's part is gone by then; with four the last one comes after the MLP.
    """
    own = saved(sizes, ActivationsCheckpoint.NONE)
    if sizes.shape.num_block_norms == 2:
        own = tuple(each for each in own if each.name not in _OF_THE_MLP)
    return (*own, *in_a_python_norm(sizes))
