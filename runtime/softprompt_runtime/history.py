"""history.jsonl: the losses of a run, one JSON object a line, for whoever draws the curve.

Training steps:  {"step", "epoch", "loss", "lr", "rows", "tokens"}
Validations:     {"step", "val_loss", "val_loss/TASK", ...}
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast, final

from softprompt_runtime.atomic_write import write_atomically

Entry: TypeAlias = Mapping[str, int | float]


@final
class History:
    """Appends to a run's history.jsonl, one flushed line at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def cut_after(self, step: int, validated_step: int) -> list[Entry]:
        """Drop what a killed process wrote beyond its checkpoint; what is left, in order.

        step, validated_step: the last step and the last validation that the checkpoint holds.
        """
        kept = [
            entry
            for entry in read_history(self._path)
            if entry["step"] <= (validated_step if "val_loss" in entry else step)
        ]
        write_atomically(self._path, "".join(map(_line, kept)).encode())
        return kept

    def append(self, entry: Entry) -> None:
        """Add one entry."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(entry))


def read_history(path: Path) -> list[Entry]:
    """The entries of a history.jsonl, in order; a line cut short by a kill is left out."""
    if not path.is_file():
        return []
    return list(_entries(path.read_text(encoding="utf-8", errors="replace")))


def _entries(text: str) -> Iterator[Entry]:
    for line in text.splitlines():
        try:
            value: Any = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict) and isinstance(cast("dict[str, Any]", value).get("step"), int):
            yield cast("Entry", value)


def _line(entry: Entry) -> str:
    return json.dumps(entry) + "\n"
