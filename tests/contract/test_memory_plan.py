"""The compiler's memory plan against the runtime: what is reckoned is what torch's tracker sees.

Weights, gradients and optimizer state to the byte; activations at their peak within 10 %.
"""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from softprompt_compiler.memory.batch import BatchShape
from softprompt_compiler.memory.model_shape import ModelShape, shape_of
from softprompt_compiler.memory.rank import RankMemory, Training, ranks_of
from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import ActivationsCheckpoint, EncoderType
from tests.measured_memory import MeasuredMemory, ShapedRow, config_of, measure, shaped_row

_LLAMA_SIZES: dict[str, Any] = {
    "vocab_size": 1000,
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 344,
}
_CONFIGS: dict[str, dict[str, Any]] = {
    "llama": _LLAMA_SIZES,
    "mistral": {**_LLAMA_SIZES, "head_dim": 32},
    "qwen2": _LLAMA_SIZES,
    "qwen3": {**_LLAMA_SIZES, "head_dim": 64},
    "gemma": {**_LLAMA_SIZES, "head_dim": 64},
    "gemma3_text": {**_LLAMA_SIZES, "head_dim": 64},
    "granite": _LLAMA_SIZES,
    "smollm3": {**_LLAMA_SIZES, "pad_token_id": 0, "bos_token_id": 0, "eos_token_id": 0},
    "gpt2": {
        "vocab_size": 1000,
        "n_embd": 128,
        "n_layer": 3,
        "n_head": 4,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
    "gpt_neox": {
        "vocab_size": 1000,
        "hidden_size": 128,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "bos_token_id": 0,
        "eos_token_id": 0,
    },
}
_DTYPES = {torch.float32: 4, torch.bfloat16: 2}


def encoder_of(kind: EncoderType | None, hidden: int = 64, layers: int = 2) -> EncoderPlan | None:
    if kind is None:
        return None
    return EncoderPlan(type=kind, hidden_size=hidden, num_layers=layers, dropout=0.0, init_std=0.02)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A training of one micro-batch of equal rows."""

    family: str
    dtype: torch.dtype = torch.float32
    encoder: EncoderPlan | None = None
    mode: ActivationsCheckpoint = ActivationsCheckpoint.NONE
    num_rows: int = 3
    length: int = 120
    num_virtual: int = 10
    num_targets: int = 8
    num_micro_batches: int = 1
    is_mixed: bool = False
    tensor_parallel: int = 1
    sequence_parallel: bool = False

    @property
    def rows(self) -> list[ShapedRow]:
        return [
            shaped_row(
                number,
                length=self.length,
                num_targets=self.num_targets,
                num_virtual=self.num_virtual,
            )
            for number in range(self.num_rows)
        ]

    @property
    def batch(self) -> BatchShape:
        return BatchShape(
            num_rows=self.num_rows,
            row_length=self.length,
            num_shared=self.num_virtual if self.num_rows > 1 else 0,
            num_static=0,
            num_virtual=self.num_virtual,
            num_targets=self.num_targets,
        )

    def measured(self) -> MeasuredMemory:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.is_mixed):
            return measure(
                config_of(self.family, **_CONFIGS[self.family]),
                self.dtype,
                self.encoder,
                [self.rows] * self.num_micro_batches,
                num_virtual=self.num_virtual,
                mode=self.mode,
                tensor_parallel=self.tensor_parallel,
                sequence_parallel=self.sequence_parallel,
            )

    def planned(self) -> RankMemory:
        shape = known_shape(config_of(self.family, **_CONFIGS[self.family]))
        training = Training(
            shape=shape,
            value_bytes=_DTYPES[self.dtype],
            is_mixed=self.is_mixed and self.dtype is torch.float32,
            mode=self.mode,
            encoder=self.encoder,
            num_virtual=(self.num_virtual,),
            batch=self.batch,
            num_micro_batches=self.num_micro_batches,
            validates=False,
            generation=None,
            stage_layers=(shape.num_layers,),
            tensor_parallel=self.tensor_parallel,
            sequence_parallel=self.sequence_parallel,
        )
        return ranks_of(training)[0]


def known_shape(config: Any) -> ModelShape:
    shape = shape_of(config.to_dict())
    assert shape is not None
    return shape


def assert_is_measured(case: Case) -> None:
    measured, planned = case.measured(), case.planned()
    standing = {each.name: each.num_bytes for each in planned.standing}
    update = {each.name: each.num_bytes for each in planned.moments[1].terms}

    assert standing["frozen weights"] == measured.frozen
    assert standing["trained weights, float32"] == measured.trainable
    assert update["gradients"] == measured.gradients
    optimizer = standing["Adam's two moments"] + standing["Adam's step counts"]
    assert optimizer == measured.optimizer
    names = ("tables of the base model", "scale of the embeddings", "first values of the tables")
    assert sum(standing.get(name, 0) for name in names) == measured.buffers
    training = max(moment.num_bytes for moment in planned.moments[:2])
    assert training == pytest.approx(measured.activations, rel=0.1)


@pytest.mark.parametrize("mode", ActivationsCheckpoint)
@pytest.mark.parametrize("family", _CONFIGS)
def test_the_plan_is_what_the_tracker_sees(family: str, mode: ActivationsCheckpoint) -> None:
    assert_is_measured(Case(family=family, mode=mode))


@pytest.mark.parametrize("kind", EncoderType)
def test_every_encoder_is_counted(kind: EncoderType) -> None:
    assert_is_measured(Case(family="llama", encoder=encoder_of(kind), num_virtual=30))


@pytest.mark.parametrize("kind", [EncoderType.MLP, EncoderType.LSTM])
def test_a_large_encoder_needs_most_in_the_optimizers_step(kind: EncoderType) -> None:
    case = Case(family="llama", encoder=encoder_of(kind, hidden=1024, layers=3), length=40)

    assert case.planned().moments[1].num_bytes == case.measured().activations


@pytest.mark.parametrize(
    "case",
    [
        Case(family="llama", dtype=torch.bfloat16),
        Case(family="gpt_neox", dtype=torch.bfloat16),
        Case(family="llama", num_targets=110),  # loss on all tokens
        Case(family="gpt2", num_targets=110),
        Case(family="llama", num_rows=1, length=20, num_virtual=4),
        Case(family="llama", num_micro_batches=2),
        Case(family="qwen3", num_rows=6, length=70, num_virtual=50),
        # norms, whole on each rank, need most
        Case(family="llama", dtype=torch.bfloat16, tensor_parallel=2),
        Case(family="gemma", dtype=torch.bfloat16, tensor_parallel=2, num_rows=1, length=40),
        Case(
            family="gemma3_text",
            dtype=torch.bfloat16,
            mode=ActivationsCheckpoint.FULL,
            tensor_parallel=2,
            num_rows=1,
            length=40,
        ),
        Case(family="granite", dtype=torch.bfloat16, tensor_parallel=2, num_rows=1, length=40),
    ],
    ids=repr,
)
def test_the_plan_follows_the_rows_and_the_type(case: Case) -> None:
    assert_is_measured(case)


@pytest.mark.parametrize("sequence_parallel", [False, True])
@pytest.mark.parametrize("mode", ActivationsCheckpoint)
@pytest.mark.parametrize("family", ["llama", "gpt2", "gpt_neox"])
def test_each_tensor_parallel_rank_is_what_the_tracker_sees(
    family: str, mode: ActivationsCheckpoint, *, sequence_parallel: bool
) -> None:
    assert_is_measured(
        Case(
            family=family,
            mode=mode,
            encoder=encoder_of(EncoderType.TPMLP),
            tensor_parallel=2,
            sequence_parallel=sequence_parallel,
        )
    )


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("family", ["llama", "gpt_neox"])
def test_mixed_precision_keeps_weights_in_16_bits(family: str, dtype: torch.dtype) -> None:
    assert_is_measured(Case(family=family, dtype=dtype, is_mixed=True))


@pytest.mark.slow
@settings(max_examples=12, deadline=None, derandomize=True)  # minutes for more
@given(
    st.builds(
        Case,
        family=st.sampled_from(list(_CONFIGS)),
        dtype=st.sampled_from(list(_DTYPES)),
        mode=st.sampled_from(list(ActivationsCheckpoint)),
        encoder=st.sampled_from([None, *EncoderType]).map(encoder_of),
        num_rows=st.integers(1, 5),
        length=st.integers(40, 200),
        num_virtual=st.integers(1, 20),
        num_targets=st.integers(1, 20),
        num_micro_batches=st.integers(1, 2),
        tensor_parallel=st.sampled_from([1, 2]),
        sequence_parallel=st.booleans(),
    )
)
def test_the_plan_is_what_the_tracker_sees_for_any_training(case: Case) -> None:
    assert_is_measured(case)
