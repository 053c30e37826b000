"""The compiler's memory plan against the runtime: what is reckoned is what torch's tracker sees.

Weights, gradients and optimizer state to the byte; activations at their peak within 10 %.
"""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from softprompt_compiler.memory.batch import BatchShape, PackedShape, pack
from softprompt_compiler.memory.generation import GenerationShape
from softprompt_compiler.memory.learner import learner_size
from softprompt_compiler.memory.model_shape import ModelShape, shape_of
from softprompt_compiler.memory.rank import RankMemory, Training, ranks_of
from softprompt_compiler.memory.weights import num_buffer_values, num_values
from softprompt_plan.plan import EncoderPlan
from softprompt_plan.vocabulary import ActivationsCheckpoint, EncoderType
from softprompt_runtime.packing import pack as pack_rows
from softprompt_runtime.prompt_encoder import create_prompt_encoder
from softprompt_runtime.prompt_learner import PromptLearner
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
            row_lengths=(self.length,) * self.num_rows,
            num_shared=self.num_virtual if self.num_rows > 1 else 0,
            num_static=0,
            num_virtual=self.num_virtual,
            num_targets=self.num_targets,
        )

    def measured(self) -> MeasuredMemory:
        return measure(
            config_of(self.family, **_CONFIGS[self.family]),
            self.dtype,
            self.encoder,
            [self.rows] * self.num_micro_batches,
            num_virtual=self.num_virtual,
            mode=self.mode,
        )

    def planned(self) -> RankMemory:
        shape = known_shape(config_of(self.family, **_CONFIGS[self.family]))
        training = Training(
            shape=shape,
            value_bytes=_DTYPES[self.dtype],
            mode=self.mode,
            encoder=self.encoder,
            num_virtual=(self.num_virtual,),
            batch=self.batch,
            num_micro_batches=self.num_micro_batches,
            generation=GenerationShape(num_rows=1, num_tokens=1, num_new=1),
            stage_layers=(shape.num_layers,),
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
    tables = standing.get("tables of the base model", 0)
    assert tables + standing.get("first values of the tables", 0) == measured.buffers
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
    ],
    ids=repr,
)
def test_the_plan_follows_the_rows_and_the_type(case: Case) -> None:
    assert_is_measured(case)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
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
    )
)
def test_the_plan_is_what_the_tracker_sees_for_any_training(case: Case) -> None:
    assert_is_measured(case)


@given(
    rows=st.integers(1, 6),
    length=st.integers(30, 60),
    num_virtual=st.integers(0, 12),
    num_static=st.integers(0, 15),
)
def test_batches_are_laid_out_as_the_runtime_does(
    rows: int, length: int, num_virtual: int, num_static: int
) -> None:
    """Rows of one task, the text after the virtual tokens being each one's own."""
    made = [
        shaped_row(
            number, length=length, num_targets=4, num_virtual=num_virtual, num_static=num_static
        )
        for number in range(rows)
    ]
    found = pack_rows(made)
    shared = num_static + num_virtual
    packed = pack(
        BatchShape(
            row_lengths=(length,) * rows,
            num_shared=shared if rows > 1 else 0,
            num_static=num_static if num_virtual else length,
            num_virtual=num_virtual,
            num_targets=4,
        )
    )

    assert counts_of(found.layout) == (packed.kept, packed.static, packed.joined, packed.rooted)
    assert packed.targets == sum(found.target_counts)


def counts_of(layout: Any) -> tuple[int, int, int, int]:
    """Tokens with gradients and without, gathered keys, and tokens that continue nothing."""
    kept = static = joined = rooted = 0
    for segment, length in enumerate(layout.segment_lengths):
        if layout.static[segment]:
            static += length
            continue
        kept += length
        chain = [layout.segment_lengths[part] for part in layout.chain(segment)]
        if length and sum(chain) > length:
            joined += sum(chain)
        else:
            rooted += length
    return kept, static, joined, rooted


def gated_configs() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    """Llama-shaped configs, with and without what a config may leave out."""
    families = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma2", "gemma3_text")
    sizes = st.fixed_dictionaries(
        {
            "vocab_size": st.integers(3, 300),
            "hidden_size": st.sampled_from([16, 24, 48]),
            "num_hidden_layers": st.integers(1, 8),
            "num_attention_heads": st.sampled_from([4, 8]),
            "num_key_value_heads": st.sampled_from([1, 2, 4]),
            "intermediate_size": st.integers(1, 90),
            "pad_token_id": st.just(0),
            "bos_token_id": st.just(1),
            "eos_token_id": st.just(2),
        },
        optional={
            "head_dim": st.sampled_from([2, 6, 10]),
            "tie_word_embeddings": st.booleans(),
            "attention_bias": st.booleans(),
            "mlp_bias": st.booleans(),
        },
    )
    return st.tuples(st.sampled_from([*families, "granite", "smollm3"]), sizes)


def fused_configs() -> st.SearchStrategy[tuple[str, dict[str, Any]]]:
    ends = {"bos_token_id": st.just(0), "eos_token_id": st.just(0)}
    gpt2 = st.fixed_dictionaries(
        {"vocab_size": st.integers(3, 300), "n_layer": st.integers(1, 5), **ends},
        optional={
            "n_embd": st.sampled_from([24, 48]),
            "n_positions": st.integers(1, 90),
            "n_inner": st.none() | st.integers(1, 90),
            "tie_word_embeddings": st.booleans(),
        },
    )
    neox = st.fixed_dictionaries(
        {
            "vocab_size": st.integers(3, 300),
            "hidden_size": st.sampled_from([24, 48]),
            "num_attention_heads": st.sampled_from([2, 4]),
            "num_hidden_layers": st.integers(1, 5),
            **ends,
        },
        optional={
            "intermediate_size": st.integers(1, 90),
            "attention_bias": st.booleans(),
            "tie_word_embeddings": st.booleans(),
            "rotary_pct": st.sampled_from([0.25, 0.5, 1.0]),
        },
    )
    return st.tuples(st.just("gpt2"), gpt2) | st.tuples(st.just("gpt_neox"), neox)


@settings(deadline=None, max_examples=40)
@given(gated_configs() | fused_configs())
def test_weights_are_counted_exactly_as_transformers_makes_them(
    family_and_config: tuple[str, dict[str, Any]],
) -> None:
    """From the config as its file has it: what is left out takes the family's default."""
    family, config = family_and_config
    with torch.device("meta"):
        model: Any = AutoModelForCausalLM.from_config(config_of(family, **config))
    shape = shape_of({"model_type": family, **config})

    assert shape is not None
    assert num_values(shape, num_blocks=shape.num_layers) == sum(
        parameter.numel() for parameter in model.parameters()
    )
    assert num_buffer_values(shape) == sum(buffer.numel() for buffer in model.buffers())


@pytest.mark.parametrize(
    ("family", "num"),
    [("llama", 6_738_415_616), ("gpt2", 124_439_808), ("gemma", 8_537_680_896)],
)
def test_published_models_are_counted(family: str, num: int) -> None:
    """Llama 2 7B, GPT-2 and Gemma 7B are their families' defaults."""
    shape = known_shape(config_of(family))

    assert num_values(shape, num_blocks=shape.num_layers) == num


def test_a_family_that_is_not_known_part_by_part_has_no_shape() -> None:
    assert shape_of({"model_type": "mamba"}) is None
    assert shape_of({}) is None


@settings(deadline=None, max_examples=40)
@given(
    kind=st.sampled_from([None, *EncoderType]),
    hidden=st.integers(1, 40),
    layers=st.integers(2, 4),
    tasks=st.lists(st.integers(1, 9), min_size=1, max_size=3),
)
def test_the_learner_is_counted_exactly(
    kind: EncoderType | None, hidden: int, layers: int, tasks: list[int]
) -> None:
    plan = encoder_of(kind, hidden, layers)
    made = None if plan is None else create_prompt_encoder(plan, 12)
    has_layers = made is not None and made.output_layer is not None
    tables = {str(at): torch.zeros(rows, 12) for at, rows in enumerate(tasks)}
    learner = PromptLearner(
        init_tables=tables,
        encoder=made if has_layers else None,
        inputs=tables if has_layers else None,
    )
    size = learner_size(plan, 12, tuple(tasks))

    assert size.trainable == sum(p.numel() for p in learner.trainable_parameters())
    assert size.num_tensors == len(learner.trainable_parameters())
    assert size.fixed == sum(buffer.numel() for buffer in learner.buffers())


def test_a_packed_batch_of_one_row_has_no_prefix() -> None:
    packed: PackedShape = pack(Case(family="llama", num_rows=1).batch)

    assert (packed.kept, packed.joined, packed.mask_values) == (120, 0, 0)
