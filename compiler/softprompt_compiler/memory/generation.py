"""Memory of validation and of generation, which keep nothing for a backward pass."""

from dataclasses import dataclass

from softprompt_compiler.memory.activations import CHUNK_LOGITS, Peak, StepShape
from softprompt_compiler.memory.batch import BatchShape
from softprompt_compiler.memory.term import Term, term

# runtime's batches: validation reads so many times a micro-batch's rows at once
VALIDATION_ROWS_FACTOR = 4


@dataclass(frozen=True, kw_only=True)
class GenerationShape:
    """The prompts that are completed at once. num_tokens: of a prompt and its completion."""

    num_rows: int
    num_tokens: int
    num_new: int


def validation(step: StepShape, batch: BatchShape) -> Peak:
    """A validation batch in the MLP of a block, or the logits of its loss tokens."""
    rows = VALIDATION_ROWS_FACTOR * batch.num_rows
    tokens = VALIDATION_ROWS_FACTOR * batch.num_tokens
    targets = rows * batch.num_targets
    terms = _forward(step, tokens)
    if step.is_last:
        vocabulary = -(-step.shape.vocab_size // step.tensor_parallel)
        chunk = min(targets, max(1, CHUNK_LOGITS // vocabulary))
        logits = term("logits of a chunk, twice", 2, ("C", chunk), ("V", vocabulary), 4)
        hidden = term(
            "hidden states of loss tokens", 2, ("N", targets), step.block().d, step.block().b
        )
        terms = max([terms, (logits, hidden)], key=lambda each: sum(t.num_bytes for t in each))
    return Peak(moment="validation", terms=terms)


def generation(step: StepShape, rows: GenerationShape) -> Peak:
    """Keys and values of all rows, one layer's of them twice while a token is added to them."""
    sizes = step.block()
    number, tokens = ("rows", rows.num_rows), ("tokens", rows.num_tokens)
    layers = ("layers", step.num_blocks + 1)
    cache = term("keys and values", 2, layers, number, tokens, sizes.g, sizes.e, sizes.b)
    reading = _forward(step, rows.num_rows * (rows.num_tokens - rows.num_new))
    terms = (cache, *reading)
    if step.is_last:
        vocabulary = ("V", step.shape.vocab_size)
        terms += (term("logits of the next token, twice", 2, number, vocabulary, 4),)
    return Peak(moment="generation", terms=terms)


def _forward(step: StepShape, num_tokens: int) -> tuple[Term, ...]:
    """A block's forward pass without gradients, at its widest: in the MLP."""
    sizes, tokens = step.block(), ("tokens", num_tokens)
    width = 3 if step.shape.is_gated else 2
    return (
        term("hidden states", 3, tokens, sizes.d, sizes.b),
        term("inside the MLP", width, tokens, sizes.m, sizes.b),
    )
