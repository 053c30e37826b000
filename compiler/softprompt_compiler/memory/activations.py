"""The activations of a training step at their peak, on one rank.

A step's peak is in one of two moments: when the loss takes its logits, with everything kept; or in
the backward pass of the last blocks, whose own needs come on top of what earlier blocks keep. Both
are reckoned, and the larger one counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from softprompt_compiler.memory import blocks, norms
from softprompt_compiler.memory.batch import PackedShape
from softprompt_compiler.memory.block_sizes import BlockSizes
from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.term import Term, term, total
from softprompt_compiler.memory.weights import num_matrix_values
from softprompt_plan.vocabulary import ActivationsCheckpoint

# runtime's prompted_loss: logits of one chunk of loss tokens
CHUNK_LOGITS = 2**23


@dataclass(frozen=True, kw_only=True)
class Peak:
    """What lives at one moment of a step, and which moment that is."""

    moment: str
    terms: tuple[Term, ...]

    @property
    def num_bytes(self) -> int:
        """Bytes of it all."""
        return total(self.terms)


@dataclass(frozen=True, kw_only=True)
class StepShape:
    """What decides a step's activations on one rank.

    value_bytes: of an activation. num_blocks: of the rank's pipeline stage. is_last: the stage has
    the loss. is_mixed: weights have 32 bits, and products are taken in 16.
    """

    shape: ModelShape
    packed: PackedShape
    value_bytes: int
    mode: ActivationsCheckpoint
    num_blocks: int
    is_last: bool = True
    tensor_parallel: int = 1
    sequence_parallel: bool = False
    is_mixed: bool = False

    def block(self, wanted: int | None = None) -> BlockSizes:
        """A block whose result is wanted at so many tokens; None: at all."""
        return BlockSizes(
            shape=self.shape,
            value_bytes=self.value_bytes,
            tokens=self.packed.kept,
            wanted=self.packed.kept if wanted is None else wanted,
            rooted=self.packed.rooted,
            joined=self.packed.joined,
            longest=self.packed.longest,
            tensor_parallel=self.tensor_parallel,
            sequence_parallel=self.sequence_parallel,
            residual_bytes=4 if self.is_mixed else None,
            cast_values=num_matrix_values(self.shape, self.tensor_parallel) if self.is_mixed else 0,
            cast_masks=self.packed.all_mask_values if self.is_mixed else 0,
        )


def peak(step: StepShape) -> Peak:
    """The moment of a step that needs most."""
    return max(_moments(step), key=lambda moment: moment.num_bytes)


def _moments(step: StepShape) -> Iterator[Peak]:
    number, last = _full_blocks(step)
    if number:
        yield _backward(step, number - 1, step.block(), "the MLP of a block")
    if last is not None:
        yield _backward(step, number, last, "the MLP of the last block")
    if step.shape.is_lean:
        yield from _in_attention(step, step.num_blocks - 1)
        yield from _in_norms(step, number)
    else:
        terms = (*kept(step), *blocks.going_forward(step.block()))
        yield Peak(moment="the forward pass of the last block", terms=terms)
        if step.shape.is_gated:
            yield from _in_python_norms(step)
    if step.is_last:
        yield _at_loss(step)


def kept(step: StepShape) -> tuple[Term, ...]:
    """What all blocks of the stage keep until their backward pass."""
    number, last = _full_blocks(step)
    full = (
        [each.times("", number) for each in blocks.saved(step.block(), step.mode)] if number else []
    )
    rest = blocks.saved(last, step.mode) if last else ()
    return (*full, *(_of_last(each) for each in rest), *_shared(step))


def _full_blocks(step: StepShape) -> tuple[int, BlockSizes | None]:
    """How many blocks compute all tokens, and the last one, if that computes fewer of them."""
    if not (step.shape.is_lean and step.is_last):
        return step.num_blocks, None
    return step.num_blocks - 1, step.block(step.packed.targets)


def _of_last(each: Term) -> Term:
    return Term(name=f"last block: {each.name}", factors=each.factors)


def _shared(step: StepShape) -> list[Term]:
    """What all blocks use."""
    b = ("b", step.value_bytes)
    found: list[Term] = []
    if step.shape.rotary_dim:
        rotary = ("E", step.shape.rotary_dim)
        found.append(term("cosines and sines", 2, ("R", step.packed.kept), rotary, b))
    if step.packed.mask_values:
        found.append(term("attention masks", ("Q", step.packed.mask_values), b))
    return found


def _at_loss(step: StepShape) -> Peak:
    """Logits of a chunk: their logarithms, and two gradients, in float32.

    A tensor-parallel rank has those of its own part of the vocabulary, and makes the gradient in
    their place.
    """
    ranks = step.tensor_parallel
    vocabulary = -(-step.shape.vocab_size // ranks)
    chunk = min(step.packed.targets, max(1, CHUNK_LOGITS // step.shape.vocab_size))
    width, b = ("D", step.shape.width), ("b", step.value_bytes)
    times = 2 if ranks > 1 else 3
    logits = term("logits of a chunk, and gradients", times, ("C", chunk), ("V", vocabulary), 4)
    targets = ("N", step.packed.targets)
    hidden = term("hidden states of loss tokens", 3, targets, width, b)
    seen = targets if step.shape.is_lean else step.block().s
    last = term("input of the final norm", seen, width, b)
    terms = (*kept(step), last, logits, hidden)
    if ranks > 1 and step.value_bytes < 4:
        terms += (term("logits of a chunk", ("C", chunk), ("V", vocabulary), b),)
    if step.is_mixed:
        terms += (term("output layer in 16 bits", ("V", vocabulary), width, 2),)
    return Peak(moment="the loss", terms=terms)


def _in_attention(step: StepShape, num_others: int) -> Iterator[Peak]:
    for terms in blocks.attention_moments(step.block(), step.mode):
        yield _after(step, num_others, terms, "the attention of the last block")


def _in_norms(step: StepShape, num_full: int) -> Iterator[Peak]:
    second, first = norms.norm_moments(step.block())
    if num_full and step.mode is not ActivationsCheckpoint.SELECTIVE:
        yield _after(step, num_full - 1, second, "a norm of a block")
    yield _after(step, step.num_blocks - 1, first, "a norm of the last block")


def _in_python_norms(step: StepShape) -> Iterator[Peak]:
    sizes = step.block()
    own = norms.python_norm_moment(sizes)
    yield _after(step, step.num_blocks - 1, own, "a norm of a block")
    if step.is_last:
        last = term("input of the final norm", sizes.s, sizes.d, 4)
        terms = (*kept(step), last, *norms.in_a_python_norm(sizes))
        yield Peak(moment="the final norm", terms=terms)


def _after(step: StepShape, num_others: int, own: tuple[Term, ...], moment: str) -> Peak:
    others = [each.times("", num_others) for each in blocks.saved(step.block(), step.mode)]
    return Peak(moment=moment, terms=(*(others if num_others else ()), *own, *_shared(step)))


def _backward(step: StepShape, num_others: int, sizes: BlockSizes, moment: str) -> Peak:
    """In the MLP of a block, after so many others that compute all tokens."""
    own = blocks.while_going_back(sizes, step.mode)
    if sizes.wanted != sizes.tokens:
        own = tuple(_of_last(each) for each in own)
    return _after(step, num_others, (*own, *blocks.working(sizes)), moment)
