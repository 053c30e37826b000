"""Whatever the layout, the model and the batches are: the result is that of one process."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softprompt_plan.vocabulary import ActivationsCheckpoint
from softprompt_runtime.forward_check import ForwardPath
from tests.runtime.parallel.layout_runs import difference, layout, plan_of, prepare, run_plan
from tests.runtime.parallel.processes import Processes

SIZES = [(1, 4, 1), (2, 2, 1), (1, 2, 2), (2, 1, 2), (1, 1, 4)]  # tensor, pipeline, data


@st.composite
def layouts(draw: st.DrawFn) -> dict[str, Any]:
    """Four processes, and how they are laid out."""
    tensor, pipeline, data = draw(st.sampled_from(SIZES))
    return layout(
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        sequence_parallel=tensor > 1 and draw(st.booleans()),
        shard_base_model=data > 1 and draw(st.booleans()),
        activations_checkpoint=draw(st.sampled_from(ActivationsCheckpoint)),
    )


@st.composite
def models(draw: st.DrawFn) -> dict[str, Any]:
    """A family, and sizes that four processes can share out, evenly or not."""
    return {
        "model_type": draw(st.sampled_from(["llama", "qwen3", "gemma2", "gpt2", "gpt_neox"])),
        "num_hidden_layers": draw(st.integers(4, 7)),
        "tie_word_embeddings": draw(st.booleans()),
    }


@st.composite
def batches(draw: st.DrawFn) -> dict[str, Any]:
    """More or fewer micro-batches than stages, and replicas that get a batch less than others."""
    size = draw(st.integers(1, 3))
    return {"micro_batch_size": size, "global_batch_size": 4 * size * draw(st.integers(1, 2))}


@pytest.mark.slow
@settings(
    max_examples=10,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    parallelism=layouts(),
    model=models(),
    training=batches(),
    path=st.sampled_from([None, ForwardPath.PADDED]),
)
def test_any_layout_trains_and_predicts_as_one_process(
    four: Processes,
    tmp_path_factory: pytest.TempPathFactory,
    parallelism: dict[str, Any],
    model: dict[str, Any],
    training: dict[str, Any],
    path: ForwardPath | None,
) -> None:
    training = {"max_steps": 5, "val_check_interval": 3, **training}
    folder: Path = prepare(tmp_path_factory.mktemp("any"), **model)
    wanted = run_plan(plan_of({}, **training), folder, "single", path)

    found = four.run(run_plan, plan_of(parallelism, **training), folder, "four", path)

    for outcome in found:
        assert outcome.losses == pytest.approx(wanted.losses, rel=1e-5)
        for task, table in wanted.tables.items():
            assert difference(outcome.tables[task], table) <= 1e-5
        assert outcome.completions == wanted.completions
