"""Which rows are shown: the first of each task, or those at given lines."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.split_rows import files_of, rows_of
from softprompt_compiler.world import World
from softprompt_plan.plan import TaskPlan
from softprompt_plan.rows import Row, RowFault
from softprompt_plan.vocabulary import Split


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A row to be shown, or what is wrong with it: all faults of one row, or one of a file."""

    task: TaskPlan
    found: Row | tuple[RowFault, ...]

    @property
    def file(self) -> Path:
        """The data file."""
        return self._first.file

    @property
    def line(self) -> int:
        """Where the row starts, from 1."""
        return self._first.line

    @property
    def _first(self) -> Row | RowFault:
        return self.found if isinstance(self.found, Row) else self.found[0]


@dataclass(frozen=True, kw_only=True)
class RowPlace:
    """A line, from 1, of a file that is named as far as need be; None stands for every file."""

    file: str | None
    line: int

    @staticmethod
    def parse(text: str) -> "RowPlace":
        """`12` or `data/train.jsonl:12`. Raises ValueError."""
        file, _, number = text.rpartition(":")
        if not (number.isascii() and number.isdecimal()) or int(number) == 0:
            raise ValueError(text)
        return RowPlace(file=file or None, line=int(number))


class NoSuchRowError(LookupError):
    """A place that is asked for holds no row."""

    def __init__(self, message: str, help: str) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


def first_rows(
    resolved: ResolvedSpec, tasks: Sequence[TaskPlan], split: Split, most: int | None
) -> Iterator[Chosen]:
    """The first rows of each task, or all. Reads no more of the files than it must."""
    for task in tasks:
        for number, item in enumerate(_items(task, split, files_of(resolved, task, split) or [])):
            if number == most:
                break
            yield item


def rows_at(
    resolved: ResolvedSpec,
    tasks: Sequence[TaskPlan],
    split: Split,
    places: Sequence[RowPlace],
    world: World,
) -> list[Chosen]:
    """The rows that begin at these places, by task and file, whether `max_rows` takes them or not.

    Raises NoSuchRowError.
    """
    missing = set(places)
    before: dict[RowPlace, str] = {}  # the last row that begins above a place
    chosen: list[Chosen] = []
    for task in tasks:
        for file in files_of(resolved, task, split) or []:
            shown = world.shown(file)
            wanted = [place for place in places if _names(place, shown)]
            last = max((place.line for place in wanted), default=0)
            for item in _items(task, split, [file], all_rows=True) if wanted else ():
                if item.line > last:
                    break
                here = [place for place in wanted if place.line == item.line]
                missing -= set(here)
                chosen += [item] if here else []
                before |= {p: f"{shown}:{item.line}" for p in wanted if item.line < p.line}
    for place in places:
        if place in missing:
            raise _no_such_row(resolved, tasks, split, place, before, world)
    return chosen


def _items(
    task: TaskPlan, split: Split, files: Sequence[Path], *, all_rows: bool = False
) -> Iterator[Chosen]:
    faults: list[RowFault] = []
    for found in rows_of(task, split, files, all_rows=all_rows):
        if faults and (isinstance(found, Row) or not _of_one_row(faults[0], found)):
            yield Chosen(task=task, found=tuple(faults))
            faults = []
        if isinstance(found, Row):
            yield Chosen(task=task, found=found)
        else:
            faults.append(found)
    if faults:
        yield Chosen(task=task, found=tuple(faults))


def _of_one_row(fault: RowFault, other: RowFault) -> bool:
    return fault.row is not None and (fault.file, fault.row) == (other.file, other.row)


def _names(place: RowPlace, shown: str) -> bool:
    return place.file is None or shown == place.file or shown.endswith(f"/{place.file}")


def _no_such_row(
    resolved: ResolvedSpec,
    tasks: Sequence[TaskPlan],
    split: Split,
    place: RowPlace,
    before: dict[RowPlace, str],
    world: World,
) -> NoSuchRowError:
    files = [world.shown(file) for task in tasks for file in files_of(resolved, task, split) or []]
    named = [file for file in files if _names(place, file)]
    if not named:
        message = f"the {split} data has no file `{place.file}`"
        return NoSuchRowError(message, f"its files: {', '.join(files)}")
    where = named[0] if len(named) == 1 else f"any file of the {split} data"
    message = f"no row begins at line {place.line} of {where}"
    near = before.get(place)
    return NoSuchRowError(message, f"the row above it begins at {near}" if near else "")
