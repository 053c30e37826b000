"""Rows of SQuAD's fields, read from one file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from softprompt_plan.rows import Row, RowFault, read_rows
from softprompt_plan.tables import OpenTable


def rows_of(
    file: Path,
    *,
    optional: Sequence[str] = (),
    list_allowed: Sequence[str] = (),
    fields: Mapping[str, str] | None = None,
    open_table: OpenTable | None = None,
) -> list[Row | RowFault]:
    """The rows and faults of a file whose rows need a question and an answer, or one of them."""
    rows = read_rows(
        [file],
        task="squad",
        needed=[name for name in ("question", "answer") if name not in optional],
        optional=optional,
        list_allowed=list_allowed,
        fields=fields or {},
        open_table=open_table,
    )
    return list(rows)
