"""The data files that a spec names."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.source import Span
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.suggest import nearest
from softprompt_compiler.tree import ScalarNode, SequenceNode, Tree
from softprompt_compiler.world import World
from softprompt_plan.paths import UnsetVariableError
from softprompt_plan.vocabulary import Split

FORMATS = (".jsonl", ".ndjson", ".json", ".csv")


@dataclass(frozen=True, kw_only=True)
class DataPath:
    """One path or glob of a task's data, as the spec has it."""

    task: str
    split: Split
    text: str
    span: Span


def unbuilt_data(path: str) -> str | None:
    """The feature that a data path asks for, if it is not built."""
    if path.startswith("hf:"):
        return "reading data from the hub"
    return "reading parquet files" if path.endswith(".parquet") else None


def data_paths(tree: Tree, spec: Spec) -> Iterator[DataPath]:
    """The paths that bound, in the order of tasks and splits."""
    with suppress(DamagedFieldError):
        for task, section in spec.tasks.items():
            for split in Split:
                with suppress(DamagedFieldError):
                    if getattr(section.data, split) is not None:
                        yield from _paths_at(tree, task, split)


def _paths_at(tree: Tree, task: str, split: Split) -> Iterator[DataPath]:
    node = tree.find(("tasks", task, "data", split))
    for item in node.items if isinstance(node, SequenceNode) else [node]:
        assert isinstance(item, ScalarNode), "what bound is text or a list of texts"
        yield DataPath(task=task, split=split, text=item.text, span=item.span)


def resolve_data_path(path: DataPath, world: World) -> tuple[tuple[Path, ...], list[Diagnostic]]:
    """The files of a path that are there, and what is wrong with it."""
    if unbuilt_data(path.text) is not None:  # a rule of its own says so
        return (), []
    try:
        files = world.files(path.text)
    except UnsetVariableError as error:
        hint = f"set it, or write a default: `${{{error.name}:-data}}`"
        return (), [rules.UNSET_VARIABLE.at(path.span, variable=error.name, help=hint)]
    if not files:
        hint = "globs are relative to the spec's folder"
        return (), [rules.EMPTY_GLOB.at(path.span, path=path.text, help=hint)]
    there = tuple(file for file in files if world.is_file(file))
    found = [_not_found(path, file, world) for file in files if file not in there]
    found += [_unknown_format(path, file) for file in there if file.suffix.lower() not in FORMATS]
    return there, found


def _unknown_format(path: DataPath, file: Path) -> Diagnostic:
    hint = "rows come from .jsonl, .json and .csv files"
    return rules.UNKNOWN_DATA_FORMAT.at(path.span, name=file.name, help=hint)


def _not_found(path: DataPath, file: Path, world: World) -> Diagnostic:
    names = world.names_in(file.parent)
    meant = nearest(file.name, names)
    hints: list[str] = []
    if world.is_folder(file):
        hints = [f"it is a folder; name its files: `{path.text.rstrip('/')}/*.jsonl`"]
    elif meant:
        hints = [f"did you mean `{meant}`?"]
    elif not names:
        hints = ["the folder is missing or empty; paths are relative to the spec's folder"]
    written = path.text.rpartition("/")[2] == file.name  # not hidden in a variable
    fix = Fix.guess(path.span, path.text[: -len(file.name)] + meant) if meant and written else None
    notes = f"that is `{world.shown(file)}`" if "$" in path.text else ()
    return rules.DATA_FILE_NOT_FOUND.at(path.span, path=path.text, notes=notes, help=hints, fix=fix)
