"""A prompt template, parsed once: text, fields and virtual-token markers, each with its span.

    <|VIRTUAL_PROMPT_0|> Context: {context}\\n\\nQuestion: {question}\\n\\nAnswer:{answer}

`{name}` is a field, `<|VIRTUAL_PROMPT_i|>` the place of the virtual tokens of split i, and a
literal brace is written twice. `docs/templates.md` describes the language for users.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class FaultKind(StrEnum):
    """What is wrong with a template."""

    UNCLOSED_FIELD = "unclosed_field"
    SINGLE_BRACE = "single_brace"
    EMPTY_FIELD_NAME = "empty_field_name"
    FIELD_NAME_SPACES = "field_name_spaces"
    FIELD_NAME_ODD = "field_name_odd"
    NO_MARKER = "no_marker"
    MARKER_MALFORMED = "marker_malformed"
    MARKER_REPEATED = "marker_repeated"
    MARKER_OUT_OF_RANGE = "marker_out_of_range"
    # These need the task: template_checks.py.
    MARKER_MISSING = "marker_missing"
    SPLIT_MISSING = "split_missing"
    MARKER_AFTER_ANSWER = "marker_after_answer"
    ANSWER_FIELD_UNSET = "answer_field_unset"
    ANSWER_UNKNOWN = "answer_unknown"
    ANSWER_REPEATED = "answer_repeated"
    ANSWER_NOT_LAST = "answer_not_last"
    SPACE_BEFORE_ANSWER = "space_before_answer"
    TRUNCATE_FIELD_UNKNOWN = "truncate_field_unknown"
    TRUNCATE_FIELD_IS_ANSWER = "truncate_field_is_answer"


@dataclass(frozen=True, kw_only=True)
class TemplateFault:
    """One fault, at characters [start, end) of the template's text."""

    kind: FaultKind
    start: int
    end: int
    detail: str  # one plain sentence, without its last stop
    field: str | None = None  # the field that the fault is about


@dataclass(frozen=True, kw_only=True)
class Text:
    """Literal text. `text` has its doubled braces undone, so it may be shorter than the span."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Field:
    """The place of a field, braces included in the span."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class VirtualMarker:
    """The place of the virtual tokens of split `number`."""

    number: int
    start: int
    end: int


Segment: TypeAlias = Text | Field | VirtualMarker


@dataclass(frozen=True, kw_only=True)
class Template:
    """A parsed template. With `faults` it holds what could be read around them."""

    text: str
    segments: tuple[Segment, ...]
    faults: tuple[TemplateFault, ...]

    @property
    def fields(self) -> tuple[str, ...]:
        """Field names in the order in which they first appear, each once."""
        names = [segment.name for segment in self.segments if isinstance(segment, Field)]
        return tuple(dict.fromkeys(names))

    @property
    def markers(self) -> tuple[VirtualMarker, ...]:
        """The markers in the order of the text, which need not be the order of their numbers."""
        return tuple(item for item in self.segments if isinstance(item, VirtualMarker))


_MARKER_WORD = "VIRTUAL_PROMPT"
_TOKEN = re.compile(
    r"(?P<literal>\{\{|\}\})"
    r"|<\|VIRTUAL_PROMPT_(?P<number>0|[1-9][0-9]{0,8})\|>"
    r"|(?P<malformed>(?:<\|?VIRTUAL_PROMPT|(?-i:VIRTUAL_PROMPT))[^\s<>{}]*>?)"
    r"|\{(?P<name>[^{}]*)\}"
    r"|(?P<open>\{)|(?P<close>\})",
    re.IGNORECASE,
)
_FIELD_NAME = re.compile(r"[^\W\d](?:[\w .-]*\w)?")


def parse_template(text: str) -> Template:
    """The segments of a template and its faults, both in the order of the text.

    Never raises. Adjacent literal text is one segment. A template without markers has the fault
    `no_marker` and is otherwise whole.
    """
    segments: list[Segment] = []
    faults: list[TemplateFault] = []
    at = 0
    for match in _TOKEN.finditer(text):
        _add_text(segments, text[at : match.start()], at, match.start())
        segment, fault = _read(match)
        if isinstance(segment, Text):
            _add_text(segments, segment.text, segment.start, segment.end)
        else:
            segments.append(segment)
        faults.extend(fault)
        at = match.end()
    _add_text(segments, text[at:], at, len(text))
    markers = [item for item in segments if isinstance(item, VirtualMarker)]
    faults.extend(_numbering_faults(text, markers, faults))
    in_order = sorted(faults, key=lambda fault: (fault.start, fault.end))
    return Template(text=text, segments=tuple(segments), faults=tuple(in_order))


def _add_text(segments: list[Segment], text: str, start: int, end: int) -> None:
    """Append literal text, joined to the text before it."""
    if not text:
        return
    if segments and isinstance(segments[-1], Text):
        before = segments.pop()
        assert isinstance(before, Text)
        text, start = before.text + text, before.start
    segments.append(Text(text=text, start=start, end=end))


def _read(match: re.Match[str]) -> tuple[Segment, list[TemplateFault]]:
    """The segment that a match of `_TOKEN` is, and what is wrong with it."""
    start, end = match.span()
    found, literal, name = match.group(), match["literal"], match["name"]
    if literal is not None:
        return Text(text=literal[0], start=start, end=end), []
    if match["number"] is not None and _MARKER_WORD in found:
        return VirtualMarker(number=int(match["number"]), start=start, end=end), []
    if name is not None:
        return Field(name=name, start=start, end=end), list(_name_faults(name, start, end))
    if match["open"] is not None:
        kind = FaultKind.UNCLOSED_FIELD
        detail = "this `{` opens a field that no `}` closes; a literal brace is written `{{`"
    elif match["close"] is not None:
        kind = FaultKind.SINGLE_BRACE
        detail = "this `}` closes no field; a literal brace is written `}}`"
    else:
        kind = FaultKind.MARKER_MALFORMED
        detail = f"`{found}` is no marker; a marker is written <|VIRTUAL_PROMPT_0|>"
    fault = TemplateFault(kind=kind, start=start, end=end, detail=detail)
    return Text(text=found, start=start, end=end), [fault]


def _name_faults(name: str, start: int, end: int) -> Iterator[TemplateFault]:
    if not name:
        kind, detail = FaultKind.EMPTY_FIELD_NAME, "the braces hold no field name"
    elif name != name.strip():
        kind = FaultKind.FIELD_NAME_SPACES
        detail = f"the field name has spaces around it; write {{{name.strip()}}}"
    elif not _FIELD_NAME.fullmatch(name):
        kind = FaultKind.FIELD_NAME_ODD
        detail = (
            "a field name is made of letters, digits, `_`, `-`, `.` and inner spaces, and begins "
            "with a letter or `_`; if these braces are text, write `{{` and `}}`"
        )
    else:
        return
    yield TemplateFault(kind=kind, start=start, end=end, detail=detail, field=name)


def _numbering_faults(
    text: str, markers: list[VirtualMarker], faults: list[TemplateFault]
) -> Iterator[TemplateFault]:
    """Markers are 0 .. n-1, each once, in any order of the text."""
    seen: set[int] = set()
    for marker in markers:
        if marker.number in seen:
            detail = f"marker {marker.number} stands in the template more than once"
            yield _marker_fault(FaultKind.MARKER_REPEATED, marker, detail)
        seen.add(marker.number)
    missing = sorted(set(range(len(seen))) - seen)
    for marker in markers:
        if marker.number >= len(seen):
            detail = (
                f"markers are numbered 0, 1, 2 without a gap, but there is no marker "
                f"{' and no marker '.join(map(str, missing))}"
            )
            yield _marker_fault(FaultKind.MARKER_OUT_OF_RANGE, marker, detail)
    if not markers and not any(fault.kind is FaultKind.MARKER_MALFORMED for fault in faults):
        detail = "the template has no marker, so no place for virtual tokens"
        yield TemplateFault(kind=FaultKind.NO_MARKER, start=0, end=len(text), detail=detail)


def _marker_fault(kind: FaultKind, marker: VirtualMarker, detail: str) -> TemplateFault:
    return TemplateFault(kind=kind, start=marker.start, end=marker.end, detail=detail)
