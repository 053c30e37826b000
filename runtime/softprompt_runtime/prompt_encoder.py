"""Prompt encoders of p-tuning: trainable functions from input rows to virtual tokens.

P virtual tokens of a task, D width of the base model, H hidden width. Everything is float32, and
given NeMo's weights (1.16 to 1.20) every encoder gives NeMo's outputs; parameters bear its names.
Source: Liu et al. 2021, "GPT Understands, Too", section 3.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import final

from torch import Tensor, nn

from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import EncoderType
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.axis import Axis
from softprompt_runtime.parallel.encoder_shards import share_out
from softprompt_runtime.parallel.regions import Region


class PromptEncoder(nn.Module, ABC):
    """From a task's input rows to its virtual tokens."""

    @abstractmethod
    def forward(self, input_PD: Tensor) -> Tensor:
        """The virtual tokens for these input rows: (P, D) to (P, D), float32."""

    @property
    @abstractmethod
    def output_layer(self) -> nn.Linear | None:
        """The layer whose output is the result; None where the input itself is the result."""


@final
class MlpEncoder(PromptEncoder):
    """Linear, ReLU, ..., Linear, on each row by itself.

    num_layers counts the Linear layers, 2 or more; every hidden layer is H wide.
    """

    def __init__(self, *, width: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        if num_layers < 2:
            raise ValueError("an mlp prompt encoder has 2 layers or more")
        widths = [width, *[hidden_size] * (num_layers - 1), width]
        layers = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
        self.mlp_head = nn.Sequential(*layers[:-1])

    def forward(self, input_PD: Tensor) -> Tensor:
        """Each row by itself: (P, D) to (P, D)."""
        return self.mlp_head(input_PD)

    @property
    def output_layer(self) -> nn.Linear:
        """The last Linear."""
        return _last_linear(self.mlp_head)


@final
class LstmEncoder(PromptEncoder):
    """A bidirectional LSTM over the P rows, H wide each way, then Linear, ReLU, Linear.

    dropout acts between the LSTM's layers while training.
    """

    def __init__(self, *, width: int, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.lstm_head = nn.LSTM(
            input_size=width,
            hidden_size=hidden_size,
            num_layers=num_layers,
            dropout=dropout if num_layers > 1 else 0.0,  # there is no between in one layer
            bidirectional=True,
            batch_first=True,
        )
        self.mlp_head = nn.Sequential(
            nn.Linear(2 * hidden_size, 2 * hidden_size),
            nn.ReLU(),
            nn.Linear(2 * hidden_size, width),
        )

    def forward(self, input_PD: Tensor) -> Tensor:
        """All rows together, in order: (P, D) to (P, D)."""
        hidden_PH, _ = self.lstm_head(input_PD)
        return self.mlp_head(hidden_PH)

    @property
    def output_layer(self) -> nn.Linear:
        """The last Linear."""
        return _last_linear(self.mlp_head)


@final
class TpmlpEncoder(PromptEncoder):
    """Linear, GELU (tanh form), Linear, on each row by itself: NeMo's tensor-parallel MLP.

    Weights start as N(0, init_std), biases at 0. Always two layers, which tensor-parallel processes
    may share out (`share_out`).
    """

    def __init__(self, *, width: int, hidden_size: int, init_std: float) -> None:
        super().__init__()
        self._region = Region(axis=Axis.alone())
        self.first = nn.Linear(width, hidden_size)
        self.second = nn.Linear(hidden_size, width)
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, std=init_std)
            nn.init.zeros_(layer.bias)

    def forward(self, input_PD: Tensor) -> Tensor:
        """Each row by itself: (P, D) to (P, D)."""
        region = self._region
        hidden_PH = nn.functional.gelu(self.first(region.enter(input_PD)), approximate="tanh")
        if region.axis.size == 1:
            return self.second(hidden_PH)
        partial_PD = nn.functional.linear(hidden_PH, self.second.weight)
        return region.leave(partial_PD) + self.second.bias

    def share_out(self, axis: Axis) -> None:
        """Keep this process's part of both layers, in place; state dicts stay whole.

        Raises RunFailure for a hidden size that the processes cannot share out equally.
        """
        hidden_size = self.first.out_features
        if hidden_size % axis.size:
            raise RunFailure(
                f"{axis.size} tensor-parallel processes cannot share out the encoder's "
                f"{hidden_size} hidden columns equally",
                "Set prompt_learning.encoder.hidden_size to a multiple of "
                "parallelism.tensor_model_parallel_size.",
            )
        share_out(self, axis)
        self._region = Region(axis=axis)

    @property
    def output_layer(self) -> nn.Linear:
        """The last Linear."""
        return self.second


@final
class EmbeddingEncoder(PromptEncoder):
    """No function at all: the input table is the soft prompt."""

    def forward(self, input_PD: Tensor) -> Tensor:
        """The input itself: (P, D)."""
        return input_PD

    @property
    def output_layer(self) -> None:
        """There is none."""
        return None


def create_prompt_encoder(plan: EncoderPlan, width: int) -> PromptEncoder:
    """The plan's encoder for a base model of this width; weights from torch's generator."""
    hidden_size, num_layers = plan.hidden_size, plan.num_layers
    match plan.type:
        case EncoderType.MLP:
            return MlpEncoder(width=width, hidden_size=hidden_size, num_layers=num_layers)
        case EncoderType.LSTM:
            return LstmEncoder(
                width=width, hidden_size=hidden_size, num_layers=num_layers, dropout=plan.dropout
            )
        case EncoderType.TPMLP:
            return TpmlpEncoder(width=width, hidden_size=hidden_size, init_std=plan.init_std)
        case EncoderType.EMBEDDING:
            return EmbeddingEncoder()


def _last_linear(layers: nn.Sequential) -> nn.Linear:
    last = layers[-1]
    assert isinstance(last, nn.Linear)
    return last
