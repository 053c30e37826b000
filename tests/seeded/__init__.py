"""Single mistakes seeded into generated specs and rows: code -> ways to make it."""

from tests.seeded import of_fields, of_launch, of_rows, of_runs, of_tasks, of_text, of_world
from tests.seeded.draft import SEEDED, Damage, Draft

__all__ = [
    "SEEDED",
    "Damage",
    "Draft",
    "of_fields",
    "of_launch",
    "of_rows",
    "of_runs",
    "of_tasks",
    "of_text",
    "of_world",
]
