"""All that is said of a run before it starts."""

from collections.abc import Iterator
from dataclasses import dataclass

from softprompt_compiler.check.model_parallelism import tensor_parallel_sizes
from softprompt_compiler.data_report import DataReport
from softprompt_compiler.facts import ModelFacts
from softprompt_compiler.forecast.batches import Batches, batches_of
from softprompt_compiler.forecast.duration import StepWork, step_seconds, step_work
from softprompt_compiler.forecast.ranks import (
    Margin,
    Verdict,
    margin_of,
    needed,
    smallest_tensor_parallel,
    training_of,
    verdict_of,
)
from softprompt_compiler.forecast.rows import TrainedRows, trained_rows
from softprompt_compiler.forecast.traffic import Traffic, traffic_of
from softprompt_compiler.gpus import GPUS, Gpu
from softprompt_compiler.memory.learner import learner_size
from softprompt_compiler.memory.model_shape import ModelShape
from softprompt_compiler.memory.rank import RankMemory, Training, ranks_of
from softprompt_compiler.memory.weights import num_values
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import ModelDtype, Precision

# Gemma 2 caps its scores, which then are kept in full; that is not among the formulas.
_NOT_RECKONED = frozenset({"gemma2"})


@dataclass(frozen=True, kw_only=True)
class GpuForecast:
    """The run on one kind of GPU. smallest_tensor_parallel: None if no split is enough.

    seconds_per_step: None where the layout does not fit.
    """

    gpu: Gpu
    verdict: Verdict
    smallest_tensor_parallel: int | None
    seconds_per_step: float | None


@dataclass(frozen=True, kw_only=True)
class ModelForecast:
    """What needs the base model's numbers. ranks: one of each pipeline stage."""

    shape: ModelShape
    num_frozen: int
    num_trained: int
    training: Training
    ranks: tuple[RankMemory, ...]
    margin: Margin
    traffic: Traffic
    work: StepWork
    gpus: tuple[GpuForecast, ...]
    named: GpuForecast | None  # the spec's

    @property
    def worst(self) -> RankMemory:
        """The rank that holds most."""
        return max(self.ranks, key=lambda rank: rank.num_bytes)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """A run's forecast. model: None where `missing` says why."""

    plan: Plan
    rows: TrainedRows
    batches: Batches
    model: ModelForecast | None
    missing: str


def forecast_of(plan: Plan, resolved: ResolvedSpec, data: DataReport | None) -> Forecast:
    """The forecast of a sound spec; data: None where its rows were not read."""
    restored = resolved.soft_prompts.get("restore_path")
    kept = frozenset[str]() if restored is None else frozenset(restored.tasks)
    rows = trained_rows(plan, resolved.templates, data, kept)
    batches = batches_of(plan, rows)
    facts = resolved.model.facts
    if facts is None:
        missing = "the base model's config is not on this machine"
    elif facts.shape is None or facts.family in _NOT_RECKONED:
        missing = f"how models of the family `{facts.family}` use memory is not known"
    else:
        model = _model_forecast(plan, facts, facts.shape, rows, batches)
        return Forecast(plan=plan, rows=rows, batches=batches, model=model, missing="")
    return Forecast(plan=plan, rows=rows, batches=batches, model=None, missing=missing)


def _model_forecast(
    plan: Plan, facts: ModelFacts, shape: ModelShape, rows: TrainedRows, batches: Batches
) -> ModelForecast:
    training = training_of(plan, shape, rows)
    computed = batches.tokens_per_step - batches.shared_tokens_per_step
    num_trained = learner_size(training.encoder, shape.width, training.num_virtual).trainable
    work = step_work(
        shape,
        training.mode,
        num_tokens=computed,
        row_length=rows.mean_length,
        num_targets=batches.global_batch_size * _mean_targets(rows),
    )
    passes = batches.accumulation * batches.data_parallel
    traffic = traffic_of(
        training,
        tokens_per_micro_batch=computed / passes,
        trainable=num_trained,
        data_parallel=batches.data_parallel,
    )
    gpus = tuple(_gpus(plan, facts, training, work, traffic))
    named = next((each for each in gpus if each.gpu.name == plan.parallelism.gpu), None)
    return ModelForecast(
        shape=shape,
        num_frozen=num_values(shape, num_blocks=shape.num_layers),
        num_trained=num_trained,
        training=training,
        ranks=ranks_of(training),
        margin=margin_of(needed(training), num_ranks=_num_ranks(plan)),
        traffic=traffic,
        work=work,
        gpus=gpus,
        named=named,
    )


def _gpus(
    plan: Plan, facts: ModelFacts, training: Training, work: StepWork, traffic: Traffic
) -> Iterator[GpuForecast]:
    sizes, ranks = tensor_parallel_sizes(facts), _num_ranks(plan)
    is_half = (
        plan.training.precision is not Precision.FP32 or plan.model.dtype is not ModelDtype.FLOAT32
    )
    for gpu in GPUS.values():
        verdict = verdict_of(training, gpu, num_ranks=ranks)
        seconds = step_seconds(work, gpu, num_ranks=ranks, is_half=is_half, bubble=traffic.bubble)
        yield GpuForecast(
            gpu=gpu,
            verdict=verdict,
            smallest_tensor_parallel=smallest_tensor_parallel(training, gpu, sizes),
            seconds_per_step=None if verdict is Verdict.NO else seconds,
        )


def _num_ranks(plan: Plan) -> int:
    return plan.parallelism.num_nodes * plan.parallelism.devices


def _mean_targets(rows: TrainedRows) -> float:
    """Loss tokens of a row, at most."""
    visits = sum(max(1, task.visits) for task in rows.tasks)
    return sum(task.num_targets * max(1, task.visits) for task in rows.tasks) / visits
