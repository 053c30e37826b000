"""What decides a training's result: two runs that agree in it may continue each other."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, cast

from softprompt_plan.plan import Plan

# What only says where things lie, how the work is cut up, or what comes after training. Paths of
# model and data are not here by their text: their content is, by fingerprint and digest.
_IRRELEVANT = (
    "format",
    "name",
    "model.source",
    "model.kind",
    "model.revision",
    "launch",
    "parallelism",
    "inference",
    "training.resume",
    "training.loggers",
    "training.checkpoint_every_n_steps",
    "training.micro_batch_size",
)
_IRRELEVANT_OF_TASK = ("data", "metrics")


def identity_of(
    plan: Plan, *, base_model: str, train_rows: str, validation_rows: str
) -> dict[str, str]:
    """Every value that decides the result, under its name in the spec, as JSON text.

    base_model: its fingerprint. train_rows, validation_rows: digests of the tokenized rows.
    """
    values = {key: value for key, value in _leaves(asdict(plan), "") if _is_relevant(key)}
    # Parameters are kept by number: another order of tasks would mix them up.
    values["tasks"] = json.dumps([task.name for task in plan.tasks])
    values["inference.add_bos"] = json.dumps(plan.inference.add_bos)
    contents = {
        "the base model's weights": base_model,
        "the training rows": train_rows,
        "the validation rows": validation_rows,
    }
    return {**values, **contents}


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """One short sentence for each value that differs."""
    return [
        _difference(key, before.get(key), now.get(key))
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


def _difference(key: str, before: str | None, now: str | None) -> str:
    if key.startswith("the "):
        return f"{key} have changed" if key.endswith("s") else f"{key} has changed"
    return f"{key} was {_shown(before)} and is {_shown(now)}"


def _shown(value: str | None) -> str:
    if value is None:
        return "not there"
    return value if len(value) <= 60 else value[:57] + "..."


def _is_relevant(key: str) -> bool:
    if key.startswith("tasks."):
        return key.split(".")[2] not in _IRRELEVANT_OF_TASK
    return not any(key == name or key.startswith(f"{name}.") for name in _IRRELEVANT)


def _leaves(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """(dotted name, JSON) of everything below `value`; tasks go by their names."""
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _leaves(item, f"{key}.{name}" if key else name)
    elif key == "tasks":
        for task in value:
            yield from _leaves(task, f"tasks.{task['name']}")
    else:
        yield key, json.dumps(value, ensure_ascii=False)
