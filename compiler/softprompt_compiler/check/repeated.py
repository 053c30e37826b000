"""SP0110 and SP0223: the same thing named twice."""

from collections.abc import Iterator

from softprompt_compiler.catalogue import cross, field
from softprompt_compiler.data_paths import data_paths
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label
from softprompt_compiler.removal import removal
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.tree import Path, SequenceNode, plain
from softprompt_plan.vocabulary import Split

_TASK_LISTS: tuple[Path, ...] = (
    ("metrics",),
    ("truncate_field",),
    ("data", "train"),
    ("data", "validation"),
    ("data", "test"),
)
# Of a path or a label that stands twice, one may be a slip for another.
_OF_KNOWN_WORDS = {"metrics", "loggers", "truncate_field"}


def check_repeated_in_task(resolved: ResolvedSpec, task: str) -> Iterator[Diagnostic]:
    """Lists of a task hold each thing once."""
    for path in _TASK_LISTS:
        yield from _repeated(resolved, ("tasks", task, *path))


def check_repeated(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """So do the other lists."""
    yield from _repeated(resolved, ("training", "loggers"))
    yield from _repeated(resolved, ("prompt_learning", "init", "labels"))
    yield from _repeated(resolved, ("launch", "secrets"))
    yield from _repeated(resolved, ("launch", "slurm", "seeds"))


def _repeated(resolved: ResolvedSpec, path: Path) -> Iterator[Diagnostic]:
    node = resolved.tree.find(path)
    if not isinstance(node, SequenceNode):
        return
    seen: dict[str, Label] = {}
    for at, item in enumerate(node.items):
        value = str(plain(item))
        if value in seen:
            yield field.REPEATED_ITEM.at(
                item.span,
                labels=[seen[value]],
                item=f"`{value}`",
                key=path[-1],
                help="remove it",
                fix=_without(node, at, is_sure=path[-1] in _OF_KNOWN_WORDS),
            )
        seen.setdefault(value, Label(span=item.span, text="first here"))


def _without(node: SequenceNode, at: int, *, is_sure: bool) -> Fix | None:
    cut = removal(node.items[at].span, previous=node.items[at - 1].span)
    if cut is None:
        return None
    return Fix.sure(cut, "") if is_sure else Fix.guess(cut, "")


def check_shared_files(resolved: ResolvedSpec) -> Iterator[Diagnostic]:
    """Rows that are trained on say nothing about rows that were never seen."""
    first: dict[tuple[str, object], tuple[Split, Label]] = {}
    for path in data_paths(resolved.tree, resolved.spec):
        for file in resolved.found.get(path, ()):
            split, label = first.setdefault(
                (path.task, file), (path.split, Label(span=path.span, text="first here"))
            )
            if split is not path.split:
                yield cross.FILE_IN_TWO_SPLITS.at(
                    path.span,
                    labels=[label],
                    first=split.value,
                    second=path.split.value,
                    name=file.name,
                    help="keep the rows of each split in files of their own",
                )
