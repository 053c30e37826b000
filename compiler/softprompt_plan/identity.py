"""What decides a training's result, and what a trained soft prompt is tied to.

The runtime refuses a checkpoint or a soft prompt by it; the compiler tells, before a run, whether
it will. So the lists stand here, once.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, TypeAlias, cast

from softprompt_plan.plan import Plan

Key: TypeAlias = tuple[str, ...]  # ("tasks", "squad", "data", "train"); a task's name may hold dots

# What only says where things lie, how the work is cut up, or what comes after training. Paths of
# model and data are not here by their text: their content is, by fingerprint and digest.
_IRRELEVANT = {
    ("format",),
    ("name",),
    ("model", "source"),
    ("model", "kind"),
    ("model", "revision"),
    ("launch",),
    ("parallelism",),
    ("inference",),
    ("training", "resume"),
    ("training", "loggers"),
    ("training", "checkpoint_every_n_steps"),
    ("training", "micro_batch_size"),
}
_IRRELEVANT_OF_TASK = {"data", "metrics"}
_RELEVANT = {("inference", "add_bos")}  # although `inference` is not

# Where any of them differs, a task's virtual tokens stand at other places, or before other text.
FIELDS_OF_A_TRAINED_TASK = ("virtual_token_splits", "prompt_template", "whitespace")


def plan_values(plan: Plan) -> dict[Key, Any]:
    """Every value of a plan as a JSON value, by its place in the spec; tasks go by their names.

    `tasks` alone is the list of their names: parameters are kept by number, so order counts.
    """
    tasks = [task.name for task in plan.tasks]
    return {**dict(_leaves(asdict(plan), ())), ("tasks",): tasks}


def identity_values(plan: Plan) -> dict[str, str]:
    """The values that decide the result of a training: JSON text by dotted name."""
    return {
        ".".join(key): json.dumps(value, ensure_ascii=False)
        for key, value in plan_values(plan).items()
        if decides_result(key)
    }


def decides_result(key: Key) -> bool:
    """Whether a value of `plan_values` decides the result of a training."""
    if key[0] == "tasks":
        return len(key) < 3 or key[2] not in _IRRELEVANT_OF_TASK
    return key in _RELEVANT or not any(key[:end] in _IRRELEVANT for end in (1, 2))


def _leaves(value: Any, key: Key) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, dict):
        for name, item in cast("dict[str, Any]", value).items():
            yield from _leaves(item, (*key, name))
    elif key == ("tasks",):
        for task in value:
            yield from _leaves(task, ("tasks", task["name"]))
    else:
        yield key, json.loads(json.dumps(value))  # tuples become lists, words text
