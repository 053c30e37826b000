"""A preview for tools. docs/preview.md describes it; `tests` hold a JSON Schema against it.

One object, a line a row, so that it can be read line by line too.
"""

import json
from collections.abc import Iterator
from typing import Any

from softprompt_compiler.preview import Preview, PreviewRow
from softprompt_plan.row_trace import Piece

FORMAT_VERSION = "1.0"  # 1.x only adds keys


def render(preview: Preview) -> Iterator[str]:
    """The text of one JSON object, in ASCII, ending in a newline."""
    head = {"format_version": FORMAT_VERSION, "spec": preview.spec, "split": preview.split.value}
    special = {str(id): text for id, text in preview.special.items()}
    yield json.dumps({**head, "special_tokens": special})[:-1] + ', "rows": ['
    separator = "\n"
    for row in preview.rows:
        yield separator + json.dumps(_row(row))
        separator = ",\n"
    yield "\n]}\n"


def _row(row: PreviewRow) -> dict[str, Any]:
    example = row.example
    pieces = row.pieces if example else ()  # what the model does not see has no ids
    return {
        "task": row.task,
        "file": row.file,
        "line": row.line,
        "status": row.status.value,
        "reason": row.reason,
        "num_tokens": row.num_tokens,
        "limit": row.limit,
        "input_ids": list(example.input_ids) if example else [],
        "answer_start": example.answer_start if example else None,
        "loss_mask": [piece.in_loss for piece in pieces for _ in piece.ids],
        "cut": dict(example.cut) if example else {},
        "pieces": [_piece(piece) for piece in pieces],
    }


def _piece(piece: Piece) -> dict[str, Any]:
    return {
        "kind": piece.kind.value,
        "text": piece.text,
        "ids": list(piece.ids),
        "in_loss": piece.in_loss,
        "field": piece.field,
    }
