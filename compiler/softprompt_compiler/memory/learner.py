"""What trains: a table of virtual tokens a task, and with p-tuning one encoder for all.

P virtual tokens of a task, D width of the base model, H hidden width of the encoder.
"""

from dataclasses import dataclass
from itertools import pairwise

from softprompt_compiler.memory.term import Term, term
from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import EncoderType


@dataclass(frozen=True, kw_only=True)
class LearnerSize:
    """Counts of float32 values. num_tensors: parameters, each with a step count in AdamW.

    fixed: the rows of `prompt_learning.init`, which the encoder's output is added to.
    """

    trainable: int
    num_tensors: int
    fixed: int


def learner_size(
    encoder: EncoderPlan | None,
    width: int,
    num_virtual: tuple[int, ...],
    tensor_parallel: int = 1,
) -> LearnerSize:
    """The size of a learner of tasks with so many virtual tokens each, on one rank.

    encoder: None with prompt-tuning. The type `embedding` has no layers: its table is the prompt.
    """
    rows = sum(num_virtual) * width
    shapes = () if encoder is None else encoder_tensors(encoder, width, tensor_parallel)
    return LearnerSize(
        trainable=rows + sum(shapes),
        num_tensors=len(num_virtual) + len(shapes),
        fixed=rows if shapes else 0,
    )


def kept_by_learner(
    encoder: EncoderPlan | None,
    width: int,
    num_virtual: tuple[int, ...],
    tensor_parallel: int = 1,
) -> tuple[Term, ...]:
    """What the learner keeps from making its tables until the gradients come back to them.

    cuDNN's own notes of an LSTM are not among them: torch does not say how large they are.
    """
    rows, table = ("P", sum(num_virtual)), ("D", width)
    if encoder is None or encoder.type is EncoderType.EMBEDDING:
        return ()
    hidden = ("H", encoder.hidden_size)
    made = term("tables that the encoder made", rows, table, 4)
    match encoder.type:
        case EncoderType.MLP:
            inside = term("hidden layers of the encoder", encoder.num_layers - 1, rows, hidden, 4)
        case EncoderType.TPMLP:  # before and after GELU
            own = ("H", encoder.hidden_size // tensor_parallel)
            inside = term("hidden layer of the encoder", 2, rows, own, 4)
        case EncoderType.LSTM:  # of each layer its two directions, and both as one; then ReLU
            num_hidden = 4 * encoder.num_layers + 2
            inside = term("hidden layers of the encoder", num_hidden, rows, hidden, 4)
    return made, inside


def encoder_tensors(encoder: EncoderPlan, width: int, tensor_parallel: int = 1) -> tuple[int, ...]:
    """Values of each of the encoder's parameters, as runtime's prompt_encoder.py makes them.

    Tensor-parallel ranks share out the hidden width of a `tpmlp`; any other encoder is on each.
    """
    hidden = encoder.hidden_size
    match encoder.type:
        case EncoderType.MLP:
            return _linears(width, *[hidden] * (encoder.num_layers - 1), width)
        case EncoderType.TPMLP:
            return _linears(width, hidden // tensor_parallel, width)
        case EncoderType.LSTM:
            lstm = [
                size
                for layer in range(encoder.num_layers)
                for size in _lstm_layer(width if layer == 0 else 2 * hidden, hidden)
            ]
            return (*lstm, *_linears(2 * hidden, 2 * hidden, width))
        case EncoderType.EMBEDDING:
            return ()


def _linears(*widths: int) -> tuple[int, ...]:
    """A weight and a bias for each step from one width to the next."""
    return tuple(size for left, right in pairwise(widths) for size in (left * right, right))


def _lstm_layer(width: int, hidden: int) -> tuple[int, ...]:
    """Four gates in each of two directions: input and hidden weights, and a bias for each."""
    return (4 * hidden * width, 4 * hidden * hidden, 4 * hidden, 4 * hidden) * 2
