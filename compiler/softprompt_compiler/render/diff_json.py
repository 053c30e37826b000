"""What two compiled specs differ in, as JSON. docs/diff.md describes it."""

import json
from typing import Any

from softprompt_compiler.diff.changes import Difference
from softprompt_compiler.diff.consequences import Consequence, prompt_fits, resumable

FORMAT_VERSION = "1.0"  # 1.x only adds keys


def render(found: Difference) -> str:
    """The differences as one JSON object, in ASCII, ending in a newline."""
    value = {
        "format_version": FORMAT_VERSION,
        "a": found.a.name,
        "b": found.b.name,
        "same": found.is_none,
        "values": [
            {
                "key": change.key,
                "change": change.kind.value,
                "before": change.before,
                "after": change.after,
                "place_before": change.places[0],
                "place_after": change.places[1],
                "decides_result": change.decides_result,
            }
            for change in found.values
        ],
        "data": [{"task": each.task, "split": each.split.value} for each in found.data],
        "model_files": found.model_files,
        "scripts": _scripts(found),
        "resumable": _consequence(resumable(found)),
        "soft_prompt_fits": _consequence(prompt_fits(found)),
    }
    return json.dumps(value, indent=2) + "\n"


def _scripts(found: Difference) -> list[dict[str, Any]] | None:
    if found.scripts is None:
        return None
    return [
        {"file": each.file, "change": each.kind.value, "diff": "\n".join(each.lines)}
        for each in found.scripts
    ]


def _consequence(found: Consequence) -> dict[str, Any]:
    return {"answer": found.answer.value, "reasons": list(found.reasons)}
