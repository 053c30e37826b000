"""Each fault of a template is told at its own characters, in whatever style YAML wrote it.

A template is given with its fault between `⟪` and `⟫`; each style writes it down in its own way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_plan.template import FaultKind, parse_template
from softprompt_plan.template_checks import check_template
from tests.compiler.specs import check, spec, task

_DATA = "data: {train: data/train.jsonl}"
_MARKER = "<|VIRTUAL_PROMPT_0|>"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A template with its fault marked; what the help must say; other lines of the task.

    place: where the diagnostic stands if not in the template: the text of that line's value.
    """

    kind: FaultKind
    code: str
    template: str
    help: str
    lines: tuple[str, ...] = ()
    place: str | None = None


_ANSWER = ("answer_field: mood",)
_FAULTS = (
    Fault(
        kind=FaultKind.UNCLOSED_FIELD,
        code="SP0120",
        template=f"{_MARKER} é, it's ⟪{{⟫text",
        help="a brace that is text is written `{{`",
    ),
    Fault(
        kind=FaultKind.SINGLE_BRACE,
        code="SP0121",
        template=f'{_MARKER} "q" {{text}} ⟪}}⟫ end',
        help="a brace that is text is written `}}`",
    ),
    Fault(
        kind=FaultKind.EMPTY_FIELD_NAME,
        code="SP0122",
        template=f"{_MARKER} {{text}} and ⟪{{}}⟫",
        help="if the braces are text, write `{{` and `}}`",
    ),
    Fault(
        kind=FaultKind.FIELD_NAME_SPACES,
        code="SP0122",
        template=f"{_MARKER} ⟪{{ text }}⟫",
        help="write `{text}`",
    ),
    Fault(
        kind=FaultKind.FIELD_NAME_ODD,
        code="SP0122",
        template=f"{_MARKER} é⟪{{te!xt}}⟫ {{text}}",
        help="if the braces are text, write `{{` and `}}`",
    ),
    Fault(
        kind=FaultKind.NO_MARKER,
        code="SP0124",
        template="⟪it's {text}⟫",
        help="write `<|VIRTUAL_PROMPT_0|>`",
    ),
    Fault(
        kind=FaultKind.MARKER_MALFORMED,
        code="SP0123",
        template="Dear ⟪<|VIRTUAL_PROMPT_x|>⟫ {text}",
        help="a marker is written `<|VIRTUAL_PROMPT_0|>`",
    ),
    Fault(
        kind=FaultKind.MARKER_REPEATED,
        code="SP0125",
        template=f"{_MARKER} {{text}} it's ⟪{_MARKER}⟫",
        help="a number of its own",
    ),
    Fault(
        kind=FaultKind.MARKER_OUT_OF_RANGE,
        code="SP0126",
        template=f"{_MARKER} {{text}} é ⟪<|VIRTUAL_PROMPT_2|>⟫",
        help="number the template's markers 0 to 1",
    ),
    Fault(
        kind=FaultKind.MARKER_MISSING,
        code="SP0202",
        template=f"{_MARKER} {{text}}",
        help="one number for each marker",
        lines=("virtual_token_splits: [3, 4]",),
        place="[3, 4]",
    ),
    Fault(
        kind=FaultKind.SPLIT_MISSING,
        code="SP0202",
        template=f"{_MARKER} {{text}} <|VIRTUAL_PROMPT_1|>",
        help="one number for each marker",
        lines=("virtual_token_splits: [3]",),
        place="[3]",
    ),
    Fault(
        kind=FaultKind.MARKER_AFTER_ANSWER,
        code="SP0214",
        template=f"{_MARKER} {{text}} é {{mood}} it's ⟪<|VIRTUAL_PROMPT_1|>⟫",
        help="move it before the answer",
        lines=(*_ANSWER, "answer_only_loss: false"),
    ),
    Fault(
        kind=FaultKind.ANSWER_FIELD_UNSET,
        code="SP0210",
        template=f"{_MARKER} {{text}}",
        help="name the field",
        lines=("answer_only_loss: true",),
        place="true",
    ),
    Fault(
        kind=FaultKind.ANSWER_UNKNOWN,
        code="SP0211",
        template=f"{_MARKER} {{text}}",
        help="`text`",
        lines=_ANSWER,
        place="mood",
    ),
    Fault(
        kind=FaultKind.ANSWER_REPEATED,
        code="SP0212",
        template=f"{_MARKER} {{mood}} {{text}} é ⟪{{mood}}⟫",
        help="end in the answer",
        lines=_ANSWER,
    ),
    Fault(
        kind=FaultKind.ANSWER_NOT_LAST,
        code="SP0213",
        template=f"{_MARKER} {{text}} é {{mood}}⟪ it's. {{tail}}⟫",
        help="move the answer to the end",
        lines=_ANSWER,
    ),
    Fault(
        kind=FaultKind.SPACE_BEFORE_ANSWER,
        code="SP0215",
        template=f"{_MARKER} {{text}} é?⟪  ⟫{{mood}}",
        help="at most one space",
        lines=_ANSWER,
    ),
    Fault(
        kind=FaultKind.TRUNCATE_FIELD_UNKNOWN,
        code="SP0220",
        template=f"{_MARKER} {{text}}",
        help="did you mean `text`?",
        lines=("truncate_field: [text, texd]",),
        place="texd",
    ),
    Fault(
        kind=FaultKind.TRUNCATE_FIELD_IS_ANSWER,
        code="SP0221",
        template=f"{_MARKER} {{text}} {{mood}}",
        help="a field that is long",
        lines=(*_ANSWER, "truncate_field: mood"),
        place="mood",
    ),
)


def _plain(text: str) -> str:
    return text


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _double(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """Every character that is not ASCII, every brace and a line break as escapes."""
    marked = "".join(
        f"\\u{ord(c):04x}" if c == "é" else f"\\x{ord(c):02x}" if c in "{}" else c for c in text
    )
    return '"\\n\\t' + marked.replace('"', '\\"') + '"'


def _folded_quotes(text: str) -> str:
    """A double-quoted scalar over three lines: one joint is a space, one is nothing."""
    return '"Once\n        upon \\\n          a ' + text.replace('"', '\\"') + '"'


def _block(header: str) -> Callable[[str], str]:
    def write(text: str) -> str:
        return f"{header}\n      First\n      {{hint}}.\n\n        deeper\n      {text}\n"

    return write


_STYLES: dict[str, Callable[[str], str]] = {
    "plain": _plain,
    "single-quoted": _single,
    "double-quoted": _double,
    "double-quoted with escapes": _escaped,
    "double-quoted over lines": _folded_quotes,
    "literal": _block("|"),
    "literal, stripped": _block("|-"),
    "literal, kept": _block("|+"),
    "literal with its indentation": _block("|2"),
    "folded": _block(">"),
    "folded, stripped": _block(">-"),
    "folded, kept": _block(">+"),
}
_WRITES_A_LINE_BREAK = (
    "literal",
    "literal, kept",
    "literal with its indentation",
    "folded",
    "folded, kept",
)


def _applies(fault: Fault, style: str) -> bool:
    """A template must end in its answer, and what ends in a line break does not."""
    return style not in _WRITES_A_LINE_BREAK or fault.lines[:1] != _ANSWER


_CASES = [(fault, style) for fault in _FAULTS for style in _STYLES if _applies(fault, style)]


def _spec(fault: Fault, style: str) -> tuple[str, int, int]:
    """A spec, and where in it the marked characters begin and end."""
    written = _STYLES[style](fault.template)
    text = spec(tasks=task(*fault.lines, _DATA, template=written))
    if fault.place is not None:
        line = fault.lines[-1]
        start = text.index(line) + line.rindex(fault.place)
        return text, start, start + len(fault.place)
    start = text.index("⟪")
    return text.replace("⟪", "").replace("⟫", ""), start, text.index("⟫") - 1


def _found(text: str, folder: Path, code: str) -> Diagnostic:
    diagnostics = check(text, folder).diagnostics
    (found,) = [each for each in diagnostics if each.code == code]
    assert {each.code for each in diagnostics} == {code}, diagnostics
    return found


@pytest.mark.parametrize(
    ("fault", "style"), _CASES, ids=[f"{fault.kind}-{style}" for fault, style in _CASES]
)
def test_a_fault_stands_on_its_characters_in_every_style(
    world_folder: Path, fault: Fault, style: str
) -> None:
    text, start, end = _spec(fault, style)
    whole = fault.template.startswith("⟪") and fault.template.endswith("⟫")

    found = _found(text, world_folder, fault.code)

    span = found.span
    assert span.line == text.count("\n", 0, span.start) + 1
    assert span.column == span.start - text.rfind("\n", 0, span.start)
    assert fault.help in " ".join(found.help)
    if whole:  # the template as a whole, with what its style puts around it
        assert span.start <= start < end <= span.end
    else:
        assert (span.start, span.end) == (start, end), (span.text, text[start:end])


def test_every_kind_of_fault_is_in_the_table_and_is_what_the_template_has() -> None:
    assert [fault.kind for fault in _FAULTS] == list(FaultKind)
    for fault in _FAULTS:
        template = parse_template(fault.template.replace("⟪", "").replace("⟫", ""))
        only_answer = fault.kind is not FaultKind.MARKER_AFTER_ANSWER and (
            "answer_only_loss: true" in fault.lines or fault.lines[:1] == _ANSWER
        )
        splits = {"[3, 4]": (3, 4), "[3]": (3,)}.get(fault.place or "")
        truncated = {"texd": ("texd",)}.get(fault.place or "", ())
        if fault.kind is FaultKind.TRUNCATE_FIELD_IS_ANSWER:
            truncated = ("mood",)
        told = check_template(
            template,
            virtual_token_splits=splits,
            answer_field="mood" if fault.lines[:1] == _ANSWER else None,
            answer_only_loss=only_answer,
            truncate_fields=truncated,
        )
        assert {each.kind for each in (*template.faults, *told)} == {fault.kind}, fault.kind
