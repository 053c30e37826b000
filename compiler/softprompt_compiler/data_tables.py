"""Whether the data that is not text can be opened here, told at the spec's own line."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.data_paths import DataPath
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tables import open_table
from softprompt_plan.row_fault import RowFaultKind
from softprompt_plan.row_formats import is_hub_data, is_table
from softprompt_plan.tables import TableError


def without_unopened(resolved: ResolvedSpec) -> tuple[ResolvedSpec, list[Diagnostic]]:
    """The spec without the data paths that cannot be opened, and why each cannot."""
    found = {path: _open(path, files) for path, files in resolved.found.items()}
    opened = {path: files for path, files in resolved.found.items() if found[path] is None}
    diagnostics = [diagnostic for diagnostic in found.values() if diagnostic is not None]
    return replace(resolved, found=opened), diagnostics


def _open(path: DataPath, files: Sequence[Path]) -> Diagnostic | None:
    """A diagnostic if a file's library is missing, or a data set cannot be loaded.

    What a Parquet file holds is told with its rows.
    """
    for source in filter(is_table, files):
        try:
            open_table(source).close()
        except TableError as error:
            if is_hub_data(str(source)) or error.kind is RowFaultKind.NO_LIBRARY:
                return _diagnostic(path, error)
    return None


def _diagnostic(path: DataPath, error: TableError) -> Diagnostic:
    match error.kind:
        case RowFaultKind.NO_LIBRARY:
            hint = "install it: `pip install 'softprompt[data]'`"
            return rules.DATA_LIBRARY_MISSING.at(
                path.span, path=path.text, reason=error.detail, help=hint
            )
        case RowFaultKind.NOT_HERE:
            hint = "a run downloads it from the Hugging Face hub"
            return rules.DATA_NOT_HERE.at(path.span, path=path.text, help=hint)
        case _:
            return rules.DATA_SET_UNREADABLE.at(path.span, path=path.text, reason=error.detail)
