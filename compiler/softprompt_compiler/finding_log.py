"""The faults of rows: a few of each kind at hand, and all of them packed.

A packed finding takes some 20 bytes, so that a data set of which every row is at fault can still
be told about in full.
"""

import json
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import final

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.data_faults import RowFinding, diagnose_rows
from softprompt_compiler.diagnostic import Diagnostic, Severity
from softprompt_compiler.world import World
from softprompt_plan.vocabulary import Split

MOST_SHOWN = 5  # of one kind in one split of a task
_BLOCK = 1 << 10  # bytes unpacked at once

_Group = tuple[str, Split, str]  # task, split, code of the rule


@final
class FindingLog:
    """What was found in rows, in the order of tasks, splits and rows.

    world: knows how paths are shown.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._first: dict[_Group, list[RowFinding]] = {}
        self._more: Counter[_Group] = Counter()
        self._rules: dict[str, Rule] = {}
        self._packer = zlib.compressobj()
        self._packed = bytearray()

    def add(self, task: str, split: Split, finding: RowFinding) -> None:
        """Note a finding."""
        self._rules[finding.rule.code] = finding.rule
        group = (task, split, finding.rule.code)
        first = self._first.setdefault(group, [])
        if len(first) < MOST_SHOWN:
            first.append(finding)
        else:
            self._more[group] += 1
        self._packed += self._packer.compress(_line(finding))

    def has_any(self, task: str, split: Split) -> bool:
        """Whether anything was found in a split of a task."""
        return any(group[:2] == (task, split) for group in self._first)

    def shown(self) -> Iterator[Diagnostic]:
        """The first findings of each kind; the last of them says how many more there are."""
        for group, first in self._first.items():
            found = list(diagnose_rows(first, self._world))
            if more := self._more[group]:
                note = f"{more:,} more like this in the {group[1].value} data of task `{group[0]}`"
                hint = "`-o json` lists all of them"
                last = found[-1]
                found[-1] = replace(last, notes=(*last.notes, note), help=(*last.help, hint))
            yield from found

    def every(self) -> Iterator[Diagnostic]:
        """All findings."""
        return diagnose_rows(map(self._finding, self._lines()), self._world)

    def num_unlisted(self, severity: Severity) -> int:
        """How many findings are in `every` and not in `shown`."""
        return sum(
            more
            for (_, _, code), more in self._more.items()
            if self._rules[code].severity is severity
        )

    def _lines(self) -> Iterator[bytes]:
        packed = bytes(self._packed) + self._packer.copy().flush()
        unpacker = zlib.decompressobj()
        begun = b""
        for start in range(0, len(packed), _BLOCK):
            begun += unpacker.decompress(packed[start : start + _BLOCK])
            *lines, begun = begun.split(b"\n")
            yield from lines

    def _finding(self, line: bytes) -> RowFinding:
        file, number, column, field, code, values, help = json.loads(line)
        return RowFinding(
            file=Path(file),
            line=number,
            column=column,
            field=field,
            rule=self._rules[code],
            values=values,
            help=help,
        )


def _line(finding: RowFinding) -> bytes:
    where = [str(finding.file), finding.line, finding.column, finding.field]
    return json.dumps([*where, finding.rule.code, finding.values, finding.help]).encode() + b"\n"
