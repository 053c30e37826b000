"""Single mistakes in one field, for tests that want a spec with any fault in it."""

import json
from dataclasses import dataclass
from typing import Any

from tests.spec_strategies import MAX_POSITIONS, Path, Spec


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A way to damage any spec.

    path: what is set to `value`, or dropped; TASK stands for the first task's name. inside: from
    there to the damaged token. at_key: whether the fault shows at the token's key, not its value.
    """

    code: str
    path: Path
    value: Any = None
    inside: Path = ()
    drop: bool = False
    at_key: bool = False

    def damage(self, spec: Spec) -> tuple[Spec, Path]:
        """A copy of the spec with the mistake in it, and the path of the damaged token."""
        damaged: Spec = json.loads(json.dumps(spec))
        path = tuple(next(iter(spec["tasks"])) if step == "TASK" else step for step in self.path)
        holder: Any = damaged
        for step in path[:-1]:
            holder = holder.setdefault(step, {})
        if self.drop:
            holder.pop(path[-1], None)
            return damaged, path[:-1]
        holder[path[-1]] = self.value
        return damaged, (*path, *self.inside)


def _value(code: str, path: Path, value: Any, *inside: str | int) -> Mistake:
    return Mistake(code=code, path=path, value=value, inside=inside)


def _key(code: str, path: Path) -> Mistake:
    return Mistake(code=code, path=path, value=3, at_key=True)


def _missing(code: str, path: Path) -> Mistake:
    return Mistake(code=code, path=path, drop=True, at_key=True)


MISTAKES = (
    _key("SP0101", ("training", "max_epoch")),
    _key("SP0101", ("tasks", "TASK", "data", "tests")),
    _missing("SP0102", ("model", "source")),
    _missing("SP0102", ("tasks", "TASK", "data", "train")),
    _value("SP0111", ("inference", "greedy"), "yes"),
    _value("SP0103", ("training", "seed"), 1.5),
    _value("SP0103", ("training", "seed"), True),
    _value("SP0103", ("launch", "environment"), {"THREADS": 2}, "THREADS"),
    _value("SP0103", ("tasks", "TASK", "virtual_token_splits"), [3, "4"], 1),
    _value("SP0104", ("training", "optim", "weight_decay"), -0.1),
    _value("SP0104", ("inference", "batch_size"), 0),
    _value("SP0105", ("training", "precision"), "fp32"),
    _value("SP0105", ("tasks", "TASK", "truncate_side"), "centre"),
    _value("SP0106", ("model", "source"), ""),
    _value("SP0107", ("name",), "a name"),
    Mistake(
        code="SP0107",
        path=("launch", "environment"),
        value={"a b": "x"},
        inside=("a b",),
        at_key=True,
    ),
    _value("SP0108", ("training", "loggers"), ["csv", "wandb"], 1),
    _value("SP0130", ("parallelism", "gpu"), "H100"),
    _value("SP0109", ("version",), 2),
    Mistake(code="SP0270", path=("launch",), value={"slurm": {}}, inside=("slurm",), at_key=True),
    _value(
        "SP0273",
        ("launch",),
        {"target": "kubernetes", "kubernetes": {"folder": "/b", "name": "n"}},
        "target",
    ),
    _value(
        "SP0275",
        ("launch",),
        {"target": "kubernetes", "kubernetes": {"folder": "/b", "image": "i", "name": "A"}},
        *("kubernetes", "name"),
    ),
    *(
        _value(code, ("launch",), {"target": "slurm", "slurm": {key: value}}, "slurm", key)
        for code, key, value in (
            ("SP0276", "account", "two words"),
            ("SP0277", "time_limit", "soon"),
            ("SP0278", "memory", "much"),
            ("SP0282", "image", "a\nb"),
            ("SP0104", "save_seconds", 0),
        )
    ),
    Mistake(
        code="SP0280",
        path=("launch", "environment"),
        value={"RANK": "0"},
        inside=("RANK",),
        at_key=True,
    ),
    Mistake(
        code="SP0281",
        path=("launch",),
        value={"environment": {"LICENCE": "x"}, "secrets": ["LICENCE"]},
        inside=("environment", "LICENCE"),
        at_key=True,
    ),
    _value("SP0107", ("launch", "secrets"), ["A-B"], 0),
    _value("SP0110", ("launch", "secrets"), ["A", "A"], 1),
    Mistake(
        code="SP0283",
        path=("launch",),
        value={"target": "slurm", "slurm": {"image": "i", "mounts": {"data": "/d"}}},
        inside=("slurm", "mounts", "data"),
        at_key=True,
    ),
    _value("SP0110", ("training", "loggers"), ["csv", "csv"], 1),
    _value("SP0302", ("tasks", "TASK", "data", "train"), "data/nothing.jsonl"),
    _value("SP0310", ("model", "source"), "models/nothing.gguf"),
    _value("SP0313", ("model", "max_seq_length"), MAX_POSITIONS + 1),
    _value("SP0320", ("prompt_learning", "restore_path"), "runs/nothing"),
)
