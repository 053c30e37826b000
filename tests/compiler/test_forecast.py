"""A forecast's figures: batches, tokens, padding, memory, and whether a GPU is enough."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.forecast.duration import step_seconds, step_work
from softprompt_compiler.forecast.ranks import (
    TIGHT_SHARE,
    Verdict,
    margin_of,
    needed,
    smallest_tensor_parallel,
    verdict_of,
)
from softprompt_compiler.forecast.rows import TaskRows, TrainedRows
from softprompt_compiler.forecast.traffic import traffic_of
from softprompt_compiler.gpus import GPUS, Gpu
from softprompt_compiler.lengths import Lengths
from softprompt_compiler.memory.batch import BatchShape
from softprompt_compiler.memory.generation import GenerationShape
from softprompt_compiler.memory.model_shape import ModelShape, shape_of
from softprompt_compiler.memory.rank import Training, in_flight
from softprompt_plan.vocabulary import ActivationsCheckpoint

LLAMA_7B: dict[str, Any] = {
    "model_type": "llama",
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 11008,
    "vocab_size": 32000,
}


def shape_7b() -> ModelShape:
    shape = shape_of(LLAMA_7B)
    assert shape is not None
    return shape


def training(**changes: Any) -> Training:
    shape = shape_7b()
    batch = BatchShape(
        num_rows=4, row_length=512, num_shared=0, num_static=0, num_virtual=20, num_targets=16
    )
    made = Training(
        shape=shape,
        value_bytes=2,
        is_mixed=False,
        mode=ActivationsCheckpoint.NONE,
        encoder=None,
        num_virtual=(20,),
        batch=batch,
        num_micro_batches=4,
        validates=True,
        generation=GenerationShape(num_rows=8, num_tokens=544, num_new=32),
        stage_layers=(shape.num_layers,),
    )
    return replace(made, **changes)


def rows_of(*counts: dict[int, int]) -> TrainedRows:
    tasks = [
        TaskRows(
            task=str(at),
            lengths=Lengths(counts=each),
            visits=sum(each.values()),
            num_virtual=4,
            num_leading=4,
            num_targets=3,
            asked=0,
        )
        for at, each in enumerate(counts)
    ]
    return TrainedRows(tasks=tuple(tasks), is_measured=True)


MODES = st.sampled_from(list(ActivationsCheckpoint))


@given(mode=MODES, rows=st.integers(1, 16), length=st.integers(64, 1000))
def test_more_rows_and_longer_rows_never_take_less(
    mode: ActivationsCheckpoint, rows: int, length: int
) -> None:
    made = training(mode=mode)
    batch = replace(made.batch, num_rows=rows, row_length=length)

    taken = needed(replace(made, batch=batch))

    assert taken <= needed(replace(made, batch=replace(batch, num_rows=rows + 1)))
    assert taken <= needed(replace(made, batch=replace(batch, row_length=length + 1)))


@given(mode=MODES, size=st.sampled_from([1, 2, 4]))
def test_more_tensor_parallel_ranks_take_less_each(mode: ActivationsCheckpoint, size: int) -> None:
    made = training(mode=mode, tensor_parallel=size)

    assert needed(replace(made, tensor_parallel=2 * size)) < needed(made)


@given(rows=st.integers(1, 8), length=st.integers(64, 1000))
def test_computing_again_takes_less(rows: int, length: int) -> None:
    made = training(validates=False, generation=None)
    batch = replace(made.batch, num_rows=rows, row_length=length)
    none, selective, full = (
        needed(replace(made, batch=batch, mode=mode)) for mode in ActivationsCheckpoint
    )

    assert full < selective < none


def gpu_of(memory_bytes: int) -> Gpu:
    return replace(GPUS["H100-80GB"], memory_bytes=memory_bytes)


def test_the_verdict_turns_at_the_gpus_last_byte() -> None:
    made = training()
    tensors = needed(made)
    taken = tensors + margin_of(tensors, num_ranks=1).num_bytes

    assert verdict_of(made, gpu_of(taken - 1), num_ranks=1) is Verdict.NO
    assert verdict_of(made, gpu_of(taken), num_ranks=1) is Verdict.TIGHT
    roomy = round(taken / (1 - TIGHT_SHARE)) + 2
    assert verdict_of(made, gpu_of(roomy - 4), num_ranks=1) is Verdict.TIGHT
    assert verdict_of(made, gpu_of(roomy), num_ranks=1) is Verdict.FITS


def test_the_smallest_tensor_parallel_size_fits_and_the_next_smaller_does_not() -> None:
    made, gpu = training(), GPUS["T4-16GB"]

    found = smallest_tensor_parallel(made, gpu, [2, 4, 8])

    assert found == 2
    assert verdict_of(made, gpu, num_ranks=1) is Verdict.NO
    assert smallest_tensor_parallel(made, gpu_of(1 << 28), [2, 4, 8]) is None


def test_padding_is_what_rows_drawn_together_would_be_filled_up_with() -> None:
    rows = rows_of(
        {10: 1, 20: 1}
    )  # of two rows drawn at random three pairs in four have a long one

    assert rows.mean_length == 15
    assert rows.padded_length(1) == pytest.approx(15)
    assert rows.padded_length(2) == pytest.approx(0.25 * 10 + 0.75 * 20)


def test_tasks_count_by_their_visits() -> None:
    rows = rows_of({10: 3}, {30: 1})

    assert rows.visits == 4
    assert rows.mean_length == 15


@given(stages=st.integers(1, 8), micro_batches=st.integers(1, 32))
def test_a_stage_keeps_no_more_micro_batches_than_there_are(
    stages: int, micro_batches: int
) -> None:
    kept = [in_flight(stage, stages, micro_batches) for stage in range(stages)]

    assert all(1 <= number <= micro_batches for number in kept)
    assert kept == sorted(kept, reverse=True)


def test_one_process_sends_nothing_and_waits_for_nobody() -> None:
    traffic = traffic_of(training(), tokens_per_micro_batch=100, trainable=10, data_parallel=1)

    assert set(vars(traffic).values()) == {0}


def test_traffic_is_that_of_a_ring() -> None:
    split = training(tensor_parallel=2, stage_layers=(16, 16), num_micro_batches=3)
    traffic = traffic_of(split, tokens_per_micro_batch=100, trainable=1000, data_parallel=4)

    states = 100 * 4096 * 2
    assert traffic.tensor_parallel == 3 * 4 * 16 * states  # 2 (t - 1) / t is 1 for two ranks
    assert traffic.pipeline_parallel == 3 * 2 * states
    assert traffic.data_parallel == 2 * 3 / 4 * 4000
    assert traffic.bubble == 1 / 4


def test_frozen_weights_take_four_operations_a_token() -> None:
    shape = shape_7b()
    work = step_work(
        shape, ActivationsCheckpoint.NONE, num_tokens=1000, row_length=100, num_targets=10
    )

    matrices = 32 * (4096 * 4096 * 2 + 2 * 4096 * 1024 + 3 * 4096 * 11008)
    assert work.blocks == 4 * matrices * 1000
    assert work.head == 4 * 32000 * 4096 * 10
    slower = step_seconds(work, GPUS["T4-16GB"], num_ranks=1, is_half=True, bubble=0.0)
    faster = step_seconds(work, GPUS["H100-80GB"], num_ranks=1, is_half=True, bubble=0.0)
    assert slower > faster > 0
