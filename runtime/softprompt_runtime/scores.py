"""Metrics of tuned and untuned completions of the same rows, with intervals."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, final

from softprompt_plan.plan import TaskPlan
from softprompt_plan.vocabulary import Metric
from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.metrics.bootstrap import NUM_RESAMPLES, interval, resampled_figures
from softprompt_runtime.metrics.figures import References
from softprompt_runtime.metrics.sample_score import Array
from softprompt_runtime.predictions import Prediction
from softprompt_runtime.run import Run

FORMAT = 1
SCORES_FILE = "metrics.json"


@final
@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A figure in percent (a gain: in percentage points), and its 95 % interval."""

    value: float
    low: float
    high: float


@final
@dataclass(frozen=True, kw_only=True)
class MetricScores:
    """One metric of one task. untuned, gain: None where there is no baseline."""

    name: str
    tuned: Estimate
    untuned: Estimate | None
    gain: Estimate | None  # tuned minus untuned, on the same rows


@final
@dataclass(frozen=True, kw_only=True)
class TaskScores:
    """The metrics of one task.

    rows: of the test data. scored: those with a reference; what could not be run counts as an empty
    completion. not_run: rows that could not be run. notes: sentences on what is not measured.
    """

    name: str
    rows: int
    scored: int
    not_run: int
    metrics: tuple[MetricScores, ...]
    notes: tuple[str, ...]


@final
@dataclass(frozen=True, kw_only=True)
class Scores:
    """All tasks, in the plan's order."""

    tasks: tuple[TaskScores, ...]


def score(
    run: Run, *, tuned: Sequence[Prediction], untuned: Sequence[Prediction] | None = None
) -> Scores:
    """Measure each task's metrics and write them to metrics.json in the run's folder.

    untuned: the base model's predictions of the same rows, in the same order. Intervals are 95 %
    percentile intervals over resampled test rows, seeded by inference.seed; a gain's resamples are
    paired. Raises ValueError if the rows differ, RunFailure where the disk refuses.
    """
    if untuned is not None and [row.id for row in tuned] != [row.id for row in untuned]:
        raise ValueError("tuned and untuned predictions are of different rows")
    seed = run.plan.inference.seed
    scores = Scores(tasks=tuple(_task(task, tuned, untuned, seed) for task in run.plan.tasks))
    run.mesh.on_main(lambda: _write(run, scores))
    return scores


def _write(run: Run, scores: Scores) -> None:
    try:
        write_atomically(run.folder / SCORES_FILE, to_json(scores).encode())
    except OSError as error:
        raise RunFailure(f"{SCORES_FILE} cannot be written: {error}") from None


def to_json(scores: Scores) -> str:
    """metrics.json: `tasks.NAME.metrics.METRIC.tuned.value` and so on, in percent."""
    tasks: dict[str, Any] = {}
    for task in scores.tasks:
        tasks[task.name] = _without_name(asdict(task))
        tasks[task.name]["metrics"] = {m.name: _without_name(asdict(m)) for m in task.metrics}
    about = {
        "format": FORMAT,
        "unit": "percent",
        "interval": f"95 % percentile bootstrap over rows, {NUM_RESAMPLES} resamples",
    }
    return json.dumps({**about, "tasks": tasks}, indent=2, ensure_ascii=False) + "\n"


def _without_name(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "name"}


def _task(
    task: TaskPlan, tuned: Sequence[Prediction], untuned: Sequence[Prediction] | None, seed: int
) -> TaskScores:
    rows = [row for row in tuned if row.task == task.name]
    scored = [row for row in rows if row.references]
    references = References(rows=tuple(row.references for row in scored))
    baseline = _completions(untuned, task.name)
    names = references.metric_names(task.metrics) if scored else []
    return TaskScores(
        name=task.name,
        rows=len(rows),
        scored=len(scored),
        not_run=sum(row.status != "ok" for row in rows),
        metrics=tuple(
            _metric(name, references, _completions(tuned, task.name) or [], baseline, seed)
            for name in names
        ),
        notes=tuple(_notes(task, len(rows), len(scored), references)),
    )


def _completions(predictions: Sequence[Prediction] | None, task: str) -> list[str] | None:
    """Of the rows that are scored."""
    if predictions is None:
        return None
    return [row.completion for row in predictions if row.task == task and row.references]


def _metric(
    name: str,
    references: References,
    tuned: Sequence[str],
    untuned: Sequence[str] | None,
    seed: int,
) -> MetricScores:
    after = references.score(name, tuned)
    after_R = resampled_figures(after, seed)
    tuned_score = _estimate(after.figure, after_R)
    if untuned is None:
        return MetricScores(name=name, tuned=tuned_score, untuned=None, gain=None)
    before = references.score(name, untuned)
    before_R = resampled_figures(before, seed)
    return MetricScores(
        name=name,
        tuned=tuned_score,
        untuned=_estimate(before.figure, before_R),
        gain=_estimate(after.figure - before.figure, after_R - before_R),
    )


def _estimate(value: float, resampled_R: Array) -> Estimate:
    low, high = interval(resampled_R)
    return Estimate(value=value, low=low, high=high)


def _notes(task: TaskPlan, num_rows: int, num_scored: int, references: References) -> list[str]:
    """What a user would otherwise look for in vain."""
    if not num_rows:
        return ["There are no test rows."]
    if not task.metrics:
        return ["No metrics are asked for."]
    if not num_scored:
        return ["The test rows have no answers, so nothing is measured; predictions are written."]
    notes: list[str] = []
    if num_scored < num_rows:
        notes.append(f"{num_rows - num_scored} of {num_rows} rows have no answer and do not count.")
    if Metric.SLOT_F1 in task.metrics and not references.name_slots:
        notes.append("slot_f1 is left out: no answer has a line `Slots: slot(value), ...`.")
    return notes
