"""A forecast for tools. docs/plan.md describes it; tests hold a JSON Schema against it."""

import json
from collections.abc import Iterable
from typing import Any

from softprompt_compiler.forecast.batches import Batches
from softprompt_compiler.forecast.forecast import Forecast, GpuForecast, ModelForecast
from softprompt_compiler.forecast.rows import TrainedRows
from softprompt_compiler.memory.rank import RankMemory
from softprompt_compiler.memory.term import Term

FORMAT_VERSION = "1.0"  # 1.x only adds keys


def render(spec: str, forecast: Forecast) -> str:
    """One JSON object, in ASCII, ending in a newline."""
    value = {
        "format_version": FORMAT_VERSION,
        "spec": spec,
        "name": forecast.plan.name,
        "rows": _rows(forecast.rows),
        "batches": _batches(forecast.batches),
        "model": None if forecast.model is None else _model(forecast, forecast.model),
        "model_missing": forecast.missing or None,
    }
    return json.dumps(value, indent=2) + "\n"


def _rows(rows: TrainedRows) -> dict[str, Any]:
    return {
        "measured": rows.is_measured,
        "tasks": [
            {
                "task": task.task,
                "visits_per_epoch": task.visits or None,
                "mean_length": round(task.lengths.mean, 3),
                "longest": task.longest,
                "virtual_tokens": task.num_virtual,
                "most_loss_tokens": task.num_targets,
            }
            for task in rows.tasks
        ],
    }


def _batches(batches: Batches) -> dict[str, Any]:
    return {
        "global_batch_size": batches.global_batch_size,
        "micro_batch_size": batches.micro_batch_size,
        "accumulation": batches.accumulation,
        "data_parallel_size": batches.data_parallel,
        "rows_per_epoch": batches.rows_per_epoch,
        "steps_per_epoch": batches.steps_per_epoch,
        "total_steps": batches.total_steps,
        "tokens_per_step": round(batches.tokens_per_step, 3),
        "shared_tokens_per_step": round(batches.shared_tokens_per_step, 3),
        "tokens_per_epoch": batches.tokens_per_epoch,
        "total_tokens": batches.total_tokens,
        "padding_share": round(batches.padding_share, 6),
    }


def _model(forecast: Forecast, model: ModelForecast) -> dict[str, Any]:
    margin = model.margin
    return {
        "family": model.shape.family,
        "frozen_parameters": model.num_frozen,
        "trained_parameters": model.num_trained,
        "ranks": [_rank(rank) for rank in model.ranks],
        "assumed_bytes": {
            "context": margin.context,
            "channels": margin.channels,
            "fragmented": margin.fragmented,
        },
        "total_bytes": model.worst.num_bytes + margin.num_bytes,
        "traffic": vars(model.traffic),
        "operations_per_step": {**vars(model.work), "total": model.work.total},
        "gpu": None if model.named is None else model.named.gpu.name,
        "verdict": None if model.named is None else model.named.verdict.value,
        "gpus": [_gpu(each, forecast.batches.total_steps) for each in model.gpus],
    }


def _rank(rank: RankMemory) -> dict[str, Any]:
    return {
        "stage": rank.stage,
        "blocks": rank.num_blocks,
        "micro_batches_in_flight": rank.in_flight,
        "standing": _terms(rank.standing),
        "moments": [
            {"moment": each.moment, "bytes": each.num_bytes, "terms": _terms(each.terms)}
            for each in rank.moments
        ],
        "bytes": rank.num_bytes,
    }


def _terms(terms: Iterable[Term]) -> list[dict[str, Any]]:
    return [
        {
            "name": each.name,
            "formula": each.formula,
            "numbers": [value for _, value in each.factors],
            "bytes": each.num_bytes,
        }
        for each in terms
    ]


def _gpu(each: GpuForecast, total_steps: int | None) -> dict[str, Any]:
    seconds = each.seconds_per_step
    return {
        "name": each.gpu.name,
        "memory_bytes": each.gpu.memory_bytes,
        "verdict": each.verdict.value,
        "smallest_tensor_parallel": each.smallest_tensor_parallel,
        "seconds_per_step": seconds,
        "seconds": None if seconds is None or total_steps is None else seconds * total_steps,
    }
