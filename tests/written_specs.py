"""Specs as people write them: the same values in any layout, with comments whose place is known."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.spec_strategies import Path, Spec, specs

_KEEP_ORDER = {("tasks",), ("launch", "environment")}  # what the author names


@dataclass(frozen=True, kw_only=True)
class WrittenSpec:
    """A spec's text. above, beside: the comments on the lines above a key, and on its line."""

    spec: Spec
    text: str
    above: dict[str, Path]
    beside: dict[str, Path]


@dataclass(kw_only=True)
class _Writer:
    draw: st.DrawFn
    lines: list[str] = field(default_factory=list[str])
    above: dict[str, Path] = field(default_factory=dict[str, Path])
    beside: dict[str, Path] = field(default_factory=dict[str, Path])

    def chance(self, one_in: int) -> bool:
        return self.draw(st.integers(1, one_in)) == 1

    def comment(self, of: dict[str, Path], path: Path) -> str:
        """A comment that stands nowhere else, and that looks like other things."""
        looks = self.draw(st.sampled_from(["", " x: 1", ' "', " - [", " # ", " | ", " 'é"]))
        text = f"#{len(self.above) + len(self.beside)}{looks}".rstrip()
        of[text] = path
        return text

    def mapping(self, value: Mapping[str, Any], path: Path, indent: int) -> None:
        keys = list(value)
        if path not in _KEEP_ORDER and self.chance(2):
            keys = self.draw(st.permutations(keys))
        for at, key in enumerate(keys):
            self.entry((*path, key), value[key], indent, is_first=not path and at == 0)

    def entry(self, path: Path, value: Any, indent: int, *, is_first: bool) -> None:
        pad = " " * indent
        for _ in range(self.draw(st.integers(0, 2)) if self.chance(3) else 0):
            if self.chance(3) and not is_first:
                self.lines += [self.draw(st.sampled_from(["", " "]))] * 2
            self.lines.append(pad + self.comment(self.above, path))
        if self.chance(6) and not is_first:
            self.lines.append("")
        key = self.draw(st.sampled_from([path[-1], json.dumps(path[-1])]))
        if key != path[-1] and self.chance(2):
            key = f"'{path[-1]}'"
        if path[0] in ("tasks", "launch") and key == path[-1]:
            key = json.dumps(path[-1])  # a name may look like a number
        head = pad + str(key) + self.draw(st.sampled_from([":", " :", ":"]))
        beside = ""
        if self.chance(4):
            beside = self.draw(st.sampled_from([" ", "   "])) + self.comment(self.beside, path)
        self.value(head, value, beside, path, indent)

    def value(self, head: str, value: Any, beside: str, path: Path, indent: int) -> None:
        inner = indent + self.draw(st.integers(1, 4))
        if isinstance(value, dict) and value and self.chance(3) is False:
            self.lines.append(head + beside)
            self.mapping(value, path, inner)
        elif isinstance(value, list) and value and self.chance(2):
            self.lines.append(head + beside)
            column = self.draw(st.sampled_from([indent, inner]))
            for item in value:
                self.lines.append(f"{' ' * column}-  {self.flow(item)}")
        elif isinstance(value, str) and self.chance(2):
            self.text(head, value, beside, inner)
        elif isinstance(value, dict | list) and value and self.chance(3):
            self.lines.append(f"{head} {self.flow(value)[:1]}")
            self.lines.append(f"{' ' * inner}{self.flow(value)[1:]}{beside}")
        else:
            self.lines.append(f"{head} {self.flow(value)}{beside}")

    def flow(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False)

    def text(self, head: str, value: str, beside: str, inner: int) -> None:
        """A string in one of the other styles, where that style can hold it."""
        style = self.draw(st.sampled_from(["single", "literal", "folded"]))
        plain = value.replace("\n", "")
        if style == "single" and plain == value and value.strip() == value:
            self.lines.append(f"{head} '{value.replace(chr(39), chr(39) * 2)}'{beside}")
        elif style == "literal" and value.strip() and not value.startswith((" ", "\n")):
            chomp = "-" if not value.endswith("\n") else "+"
            lines = value.removesuffix("\n").split("\n")
            self.lines.append(f"{head} |{chomp}{beside}")
            self.lines += [" " * inner + line if line else "" for line in lines]
        elif style == "folded" and " " in value.strip() and plain == value.strip():
            first, last = value.rsplit(" ", 1)
            escaped = [self.flow(part)[1:-1] for part in (first, last)]
            if first[-1:].strip() and last[:1].strip():
                self.lines += [f'{head} "{escaped[0]}', f'{" " * inner}{escaped[1]}"{beside}']
                return
            self.lines.append(f"{head} {self.flow(value)}{beside}")
        else:
            self.lines.append(f"{head} {self.flow(value)}{beside}")


@st.composite
def written_specs(draw: st.DrawFn) -> WrittenSpec:
    """A valid spec in any layout."""
    spec = draw(specs())
    writer = _Writer(draw=draw)
    writer.lines += draw(st.sampled_from([[], ["# head", ""], ["---"], ["", "# head", "", ""]]))
    writer.mapping(spec, (), 0)
    writer.lines += draw(st.sampled_from([[], ["", ""]]))
    line_break = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    text = line_break.join(writer.lines) + draw(st.sampled_from(["", line_break]))
    return WrittenSpec(spec=spec, text=text, above=writer.above, beside=writer.beside)
