"""A sound spec that is being damaged in one place, and the table of ways to damage it.

A damage is a function of a Draft. It may first give the spec what the mistake needs around it (a
section without other fields, a file), makes one mistake, and marks the token that is wrong.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hypothesis.strategies import SearchStrategy

from tests.spec_strategies import Path, Spec, as_yaml, is_free_table

TEMPLATE = "<|VIRTUAL_PROMPT_0|>{text} mood:{mood}"
_PLAIN = "@@plain:"  # a text that is written as it is, without the quotes of as_yaml


@dataclass(kw_only=True)
class Draft:
    """spec: damaged in place. draw: draws from Hypothesis.

    path, at_key, part, last: the token that is wrong: the value there or its key, or of the value's
    text the first (last) occurrence of `part`. text: the whole spec's, where no tree tells the
    place; then `part` is looked for in it. raw: its bytes, if they are no text. files: name in the
    spec's folder -> content; a tuple names a folder to copy. row: file and line of a wrong row.
    """

    spec: Spec
    draw: Callable[[SearchStrategy[Any]], Any]
    path: Path = ()
    at_key: bool = False
    part: str = ""
    last: bool = False
    text: str | None = None
    raw: bytes | None = None
    settings: list[str] = field(default_factory=list[str])
    files: dict[str, str | bytes | tuple[str]] = field(
        default_factory=dict[str, str | bytes | tuple[str]]
    )
    row: tuple[str, int] | None = None
    reads_data: bool = False

    @property
    def task(self) -> str:
        """The name of the first task."""
        return next(iter(self.spec["tasks"]))

    def yaml(self) -> str:
        """The text of the damaged spec."""
        text = as_yaml(self.spec) if self.text is None else self.text
        while (start := text.find(f'"{_PLAIN}')) >= 0:
            written, length = json.JSONDecoder().raw_decode(text[start:])
            text = text[:start] + written.removeprefix(_PLAIN) + text[start + length :]
        return text

    def give(self, value: Any, *path: str | int) -> None:
        """Set what the mistake needs around it."""
        holder: Any = self.spec
        for step in path[:-1]:
            holder = holder.setdefault(step, {}) if isinstance(holder, dict) else holder[step]
        holder[path[-1]] = value

    def drop(self, *path: str) -> None:
        """Leave a key out."""
        holder: Any = self.spec
        for step in path[:-1]:
            holder = holder.get(step, {})
        holder.pop(path[-1], None)

    def wrong(self, value: Any, *path: str | int, key: bool = False) -> None:
        """Set the value that is wrong, or whose key is."""
        self.give(value, *path)
        self.mark(*path, key=key)

    def wrong_plain(self, text: str, *path: str | int) -> None:
        """Set a value that is written in the spec as it is."""
        self.wrong(_PLAIN + text, *path)

    def mark(self, *path: str | int, key: bool = False, part: str = "", last: bool = False) -> None:
        """Say where the fault is to be seen."""
        self.path, self.at_key, self.part, self.last = path, key, part, last

    def line(self, text: str, part: str) -> None:
        """Put a line after the spec. The fault is at `part` of it."""
        self.text, self.part, self.last = as_yaml(self.spec) + text, part, True

    def plain_task(self, template: str = TEMPLATE, **keys: Any) -> Path:
        """Reset the first task to its template and rows, and give its path."""
        data = self.spec["tasks"][self.task]["data"]
        rows = {key: data[key] for key in ("train", "validation") if key in data}
        self.spec["tasks"][self.task] = {"prompt_template": template, "data": rows, **keys}
        return ("tasks", self.task)

    def only_task(self, template: str = TEMPLATE, **keys: Any) -> Path:
        """Leave one task with train rows alone, and give its path."""
        self.spec["tasks"] = {self.task: self.spec["tasks"][self.task]}
        path = self.plain_task(template, **keys)
        self.give({"train": "data/train.jsonl"}, *path, "data")
        self.drop("training", "early_stopping")
        self.drop("training", "val_check_interval")
        return path

    def one_device(self) -> None:
        """Leave the layout to its default."""
        self._on_any_device()
        self.drop("parallelism")

    def layout(self, **sizes: Any) -> None:
        """Replace the layout, and leave out an encoder that it might not divide."""
        self._on_any_device()
        self.give(sizes, "parallelism")
        self.drop("prompt_learning", "encoder")
        self._lower_lr()

    def _on_any_device(self) -> None:
        """Leave out a launch section that was drawn for CPUs: it may not name the GPUs to rent."""
        if self.spec.get("parallelism", {}).get("accelerator") == "cpu":
            self.drop("launch")

    def learning(self, **section: Any) -> None:
        """Replace `prompt_learning`, and leave the learning rate to its default."""
        self.give(section, "prompt_learning")
        self._lower_lr(always=True)

    def _lower_lr(self, *, always: bool = False) -> None:
        if always or not is_free_table(self.spec.get("prompt_learning", {})):
            self.drop("training", "optim", "lr")
            self.drop("training", "optim", "weight_decay")


Damage = Callable[[Draft], None]
SEEDED: dict[str, list[Damage]] = {}
"""Code -> the damages that give it, and nothing else."""


def seeded(code: str) -> Callable[[Damage], Damage]:
    """Enter a damage into the table."""

    def enter(damage: Damage) -> Damage:
        SEEDED.setdefault(code, []).append(damage)
        return damage

    return enter
