"""Counts of the compiler's memory plan: exactly what transformers and the runtime make."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from softprompt_compiler.memory.batch import BatchShape, pack
from softprompt_compiler.memory.learner import learner_size
from softprompt_compiler.memory.model_shape import shape_of
from softprompt_compiler.memory.weights import num_rotary_values, num_scale_values, num_values
from softprompt_plan.vocabulary import EncoderType
from softprompt_runtime.packing import pack as pack_rows
from softprompt_runtime.prompt_encoder import create_prompt_encoder
from softprompt_runtime.prompt_learner import PromptLearner
from tests.contract.test_memory_plan import encoder_of, known_shape
from tests.measured_memory import config_of, shaped_row


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
            num_rows=rows,
            row_length=length,
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
    found = num_rotary_values(shape) + num_scale_values(shape)
    assert found == sum(buffer.numel() for buffer in model.buffers())


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
