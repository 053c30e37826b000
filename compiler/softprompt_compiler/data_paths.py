"""The data files that a spec names."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from softprompt_compiler.catalogue import field as field_rules
from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.diagnostic import Diagnostic, Fix
from softprompt_compiler.source import Span
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import ScalarNode, SequenceNode, Tree
from softprompt_compiler.world import World
from softprompt_plan.paths import UnsetVariableError
from softprompt_plan.row_formats import COMPRESSED, FORMATS, is_hub_data, is_known_format
from softprompt_plan.vocabulary import Split

# `owner/name`, as on the hub; a file has an ending
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w-]*/[A-Za-z0-9][\w-]*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class DataPath:
    """One path or glob of a task's data, as the spec has it."""

    task: str
    split: Split
    text: str
    span: Span
    node: ScalarNode = field(compare=False, repr=False)


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
        yield DataPath(task=task, split=split, text=item.text, span=item.span, node=item)


def resolve_data_path(path: DataPath, world: World) -> tuple[tuple[Path, ...], list[Diagnostic]]:
    """The files of a path that are there, and what is wrong with it."""
    try:
        files = world.files(path.text)
    except UnsetVariableError as error:
        hint = f"set it, or write a default: `${{{error.name}:-data}}`"
        return (), [rules.UNSET_VARIABLE.at(path.span, variable=error.name, help=hint)]
    if not files:
        hint = "globs are relative to the spec's folder"
        return (), [rules.EMPTY_GLOB.at(path.span, path=path.text, help=hint)]
    if is_hub_data(str(files[0])):
        fault = _hub_data_fault(path, files[0], world)
        return ((), [fault]) if fault else (files, [])
    there = tuple(file for file in files if world.is_file(file))
    found = [_not_found(path, file, world) for file in files if file not in there]
    found += [_unknown_format(path, file) for file in there if not is_known_format(file)]
    return there, found


def _hub_data_fault(path: DataPath, source: Path, world: World) -> Diagnostic | None:
    """What can be said of `hf:NAME[split]` without opening it."""
    from softprompt_plan.hub_data import HubData, HubDataFault, parse_hub_data

    written = "$" not in path.text
    data = parse_hub_data(path.text if written else str(source))
    if isinstance(data, HubDataFault):
        span = path.node.span_at(data.start, data.end) if written else path.span
        notes = () if written else f"that is `{source}`"
        return field_rules.HUB_DATA_FORM.at(span, detail=data.detail, help=data.help, notes=notes)
    data = parse_hub_data(str(source))
    assert isinstance(data, HubData), "making a folder's path whole keeps the form"
    if not data.is_folder or world.is_folder(Path(data.name)):
        return None
    hint = "a folder of data is relative to the spec's folder"
    return rules.DATA_FILE_NOT_FOUND.at(path.span, path=world.shown(Path(data.name)), help=hint)


def _unknown_format(path: DataPath, file: Path) -> Diagnostic:
    hint = f"rows come from {', '.join(FORMATS[:-1])} and {FORMATS[-1]} files"
    if file.suffix.lower() in COMPRESSED:
        hint = f"unpack it: rows are read from `{file.stem}`"
    return rules.UNKNOWN_DATA_FORMAT.at(path.span, name=file.name, help=hint)


def _not_found(path: DataPath, file: Path, world: World) -> Diagnostic:
    from softprompt_compiler.suggest import nearest  # only a fault needs it

    names = world.names_in(file.parent)
    meant = nearest(file.name, names)
    hints: list[str] = []
    if "://" in path.text:
        hints = ["rows are read from files: download it, and write its path"]
    elif world.is_folder(file):
        hints = [f"it is a folder; name its files: `{path.text.rstrip('/')}/*.jsonl`"]
    elif meant:
        hints = [f"did you mean `{meant}`?"]
    elif _HUB_NAME.fullmatch(path.text):
        hints = [f"a data set of the hub is written `hf:{path.text}[train]`"]
    elif not names:
        hints = ["the folder is missing or empty; paths are relative to the spec's folder"]
    written = path.text.rpartition("/")[2] == file.name  # not hidden in a variable
    fix = Fix.guess(path.span, path.text[: -len(file.name)] + meant) if meant and written else None
    notes = f"that is `{world.shown(file)}`" if "$" in path.text else ()
    return rules.DATA_FILE_NOT_FOUND.at(path.span, path=path.text, notes=notes, help=hints, fix=fix)
