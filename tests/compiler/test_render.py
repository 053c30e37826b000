import json as json_library
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.catalogue.rule import Rule
from softprompt_compiler.cli.options import ColorChoice
from softprompt_compiler.cli.output import wants_color
from softprompt_compiler.diagnostic import Diagnostic, Fix, Label, Severity
from softprompt_compiler.render import github, human, json
from softprompt_compiler.render.display import cell, safe
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile, SourceKind, Span

RULE = Rule("SP0101", "unknown-field", Severity.ERROR, "`{key}` is not a field of encoder")
WARNING = Rule("SP0250", "low-lr", Severity.WARNING, "`lr` {lr} is low")
NOTE = Rule("SP0312", "model-not-here", Severity.NOTE, "the model is not here")

SPEC = SourceFile(
    name="spec.yaml",
    text="version: 1\nname: x\nprompt_learning:\n  encoder:\n    type: mlp\n"
    "  num_virtual_tokns: 9\n",
)
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def place(text: str, source: SourceFile = SPEC) -> Span:
    start = source.text.index(text)
    return source.span(start, start + len(text))


def unknown(**options: object) -> Diagnostic:
    key = "num_virtual_tokns"
    return RULE.at(place(key), key=key, help="did you mean `num_virtual_tokens`?", **options)  # type: ignore[arg-type]


def drawn(diagnostic: Diagnostic, *, width: int = 100, color: bool = False) -> str:
    return human.render_diagnostic(diagnostic, human.Style(width=width, color=color))


def test_the_form_is_that_of_rustc() -> None:
    assert drawn(unknown()) == (
        "error[SP0101]: `num_virtual_tokns` is not a field of encoder\n"
        " --> spec.yaml:6:3\n"
        "  |\n"
        "6 |   num_virtual_tokns: 9\n"
        "  |   ^^^^^^^^^^^^^^^^^\n"
        "  = help: did you mean `num_virtual_tokens`?\n"
    )


def test_labels_notes_and_a_second_source_are_shown_in_their_places() -> None:
    data = SourceFile(name="a.jsonl", text='{"text": 1}', kind=SourceKind.DATA, first_line=117)
    labels = [
        Label(span=place("version"), text="first"),
        Label(span=place("mlp"), text="second"),
        Label(span=place("1", data), text="third"),
    ]

    assert drawn(unknown(label="here", labels=labels, notes=["so it is"])) == (
        "error[SP0101]: `num_virtual_tokns` is not a field of encoder\n"
        "   --> spec.yaml:6:3\n"
        "    |\n"
        "  1 | version: 1\n"
        "    | ------- first\n"
        "...\n"
        "  5 |     type: mlp\n"
        "    |           --- second\n"
        "  6 |   num_virtual_tokns: 9\n"
        "    |   ^^^^^^^^^^^^^^^^^ here\n"
        "   ::: a.jsonl:117:10\n"
        "    |\n"
        '117 | {"text": 1}\n'
        "    |          - third\n"
        "    = note: so it is\n"
        "    = help: did you mean `num_virtual_tokens`?\n"
    )


def test_a_single_line_between_two_labels_is_shown() -> None:
    labels = [Label(span=place("encoder"))]
    lines = drawn(unknown(labels=labels)).splitlines()

    assert "5 |     type: mlp" in lines
    assert "..." not in lines


def test_a_place_of_no_width_is_one_caret() -> None:
    source = SourceFile(name="s", text="a:\n")

    assert drawn(RULE.at(source.span(2), key="a")).splitlines()[3:5] == ["1 | a:", "  |   ^"]


def test_an_empty_source_has_a_place_and_no_lines() -> None:
    source = SourceFile(name="s", text="")

    assert drawn(RULE.at(source.span(0), key="a")).splitlines()[1:] == [" --> s:1:1"]


def test_a_span_over_lines_is_underlined_on_its_first() -> None:
    found = RULE.at(Span(SPEC, SPEC.text.index("encoder"), len(SPEC.text)), key="a")

    assert drawn(found).splitlines()[3:] == ["4 |   encoder:", "  |   ^^^^^^^^"]


def test_tabs_and_wide_characters_keep_the_caret_in_its_column() -> None:
    source = SourceFile(name="s", text="\t日本e\u0301x: 1")
    line, carets = drawn(RULE.at(place("x", source), key="x")).splitlines()[3:5]

    assert line == "1 |     日本e\u0301x: 1"
    assert carets == "  | " + " " * (4 + 4 + 1) + "^"


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("\x1b", "␛"),
        ("\0", "␀"),
        ("\x7f", "<U+007F>"),
        ("\u202e", "<U+202E>"),  # right-to-left override: text that reads otherwise than it is
        ("\u200b", "<U+200B>"),
        ("\ufeff", "<U+FEFF>"),
        ("\u2028", "<U+2028>"),
        ("\xa0", "<U+00A0>"),
        ("\udcff", "<U+DCFF>"),
        ("é", "é"),
    ],
)
def test_no_hidden_character_reaches_the_terminal(character: str, shown: str) -> None:
    assert cell(character).shown == shown
    source = SourceFile(name=f"s{character}", text=f"a: {character}")
    found = RULE.at(source.span(3, 4), key=character, label=character, notes=character)
    report = Report.of(f"s{character}", [found])

    assert character == shown or character not in human.render(report, human.Style())


@given(st.text())
def test_safe_text_holds_nothing_that_moves_the_cursor(text: str) -> None:
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]", safe(text))


@given(
    st.text(alphabet="ab 日\te\u0301\u202e", max_size=300),
    st.integers(0, 300),
    st.integers(0, 300),
    st.integers(20, 120),
)
def test_a_line_fits_its_width_and_shows_where_the_label_starts(
    text: str, start: int, length: int, width: int
) -> None:
    source = SourceFile(name="s", text=f"{text}X{text[:start]}Y")
    at = min(start, len(text))
    found = RULE.at(source.span(at, at + length), key="a")
    line, carets = drawn(found, width=width).splitlines()[3:5]
    shown = sum(cell(character).width for character in line)

    assert shown <= max(width, 4 + 20)
    assert "^" in carets
    assert len(carets) <= shown + 1


def test_a_long_line_is_cropped_around_its_label() -> None:
    source = SourceFile(name="s", text="a " * 200 + "HERE" + " b" * 200)
    line, carets = drawn(RULE.at(place("HERE", source), key="a"), width=60).splitlines()[3:5]

    assert line.startswith("1 | ...")
    assert line.endswith("...")
    assert line[carets.index("^") :].startswith("HERE")


def test_labels_too_far_apart_for_one_line_get_a_line_each() -> None:
    source = SourceFile(name="s", text="ONE" + " " * 500 + "TWO")
    found = RULE.at(place("TWO", source), key="a", labels=[Label(span=place("ONE", source))])
    lines = drawn(found, width=60).splitlines()[3:]

    assert [line.strip(" |.1-^") for line in lines if line.startswith("1")] == ["ONE", "TWO"]


def test_colors_change_nothing_but_the_colors() -> None:
    found = unknown(label="here", labels=[Label(span=place("version"), text="there")])

    assert ANSI.sub("", drawn(found, color=True)) == drawn(found)
    assert ANSI.search(drawn(found, color=True))


@pytest.mark.parametrize(
    ("choice", "environment", "is_terminal", "expected"),
    [
        (ColorChoice.AUTO, {}, True, True),
        (ColorChoice.AUTO, {}, False, False),
        (ColorChoice.AUTO, {"TERM": "dumb"}, True, False),
        (ColorChoice.AUTO, {"NO_COLOR": "1"}, True, False),
        (ColorChoice.AUTO, {"NO_COLOR": ""}, True, True),
        (ColorChoice.AUTO, {"FORCE_COLOR": "1"}, False, True),
        (ColorChoice.AUTO, {"FORCE_COLOR": "0"}, False, False),
        (ColorChoice.AUTO, {"NO_COLOR": "1", "FORCE_COLOR": "1"}, True, False),
        (ColorChoice.ALWAYS, {"NO_COLOR": "1"}, False, True),
        (ColorChoice.NEVER, {"FORCE_COLOR": "1"}, True, False),
    ],
)
def test_when_to_color(
    choice: ColorChoice, environment: dict[str, str], is_terminal: bool, expected: bool
) -> None:
    assert wants_color(choice, environment, is_terminal=is_terminal) is expected


def test_the_closing_line_counts_in_words() -> None:
    warning = WARNING.at(place("version"), lr=1e-9)
    note = NOTE.at(place("version"))
    errors = [RULE.at(SPEC.span(at), key="a") for at in range(3)]

    assert Report.of("s", [*errors, warning]).closing_line == "3 errors, 1 warning in s"
    assert Report.of("s", [note, errors[0]]).closing_line == "1 error, 1 note in s"
    assert Report.of("s", []).closing_line == ""
    assert human.render(Report.of("s", []), human.Style()) == ""


def test_json_says_everything_that_there_is_to_say() -> None:
    fix = Fix.guess(place("num_virtual_tokns"), "num_virtual_tokens")
    found = unknown(label="here", labels=[Label(span=place("mlp"), text="there")], fix=fix)
    value = json_library.loads("".join(json.render([Report.of("spec.yaml", [found])])))
    start = SPEC.text.index("num_virtual")
    where = {
        "filename": "spec.yaml",
        "start": {"line": 6, "column": 3, "byte": start},
        "end": {"line": 6, "column": 20, "byte": start + 17},
    }
    (shown,) = value.pop("diagnostics")

    assert value == {
        "format_version": "1.2",
        "valid": False,
        "strict": False,
        "ignored": [],
        "error_count": 1,
        "warning_count": 0,
        "data": [],
    }
    (label,) = shown.pop("labels")
    assert (label["text"], label["range"]["start"]["line"]) == ("there", 5)
    assert shown == {
        "spec": "spec.yaml",
        "severity": "error",
        "code": "SP0101",
        "name": "unknown-field",
        "summary": "`num_virtual_tokns` is not a field of encoder",
        "detail": "here",
        "range": where,
        "snippet": {
            "code": "  num_virtual_tokns: 9",
            "start_line": 6,
            "highlight_start_offset": 2,
            "highlight_end_offset": 19,
        },
        "notes": [],
        "help": ["did you mean `num_virtual_tokens`?"],
        "fixes": [
            {
                "confidence": "guess",
                "edits": [{"range": where, "replacement": "num_virtual_tokens"}],
            }
        ],
    }


def test_json_counts_bytes_of_utf_8_and_knows_none_of_an_excerpt() -> None:
    whole = SourceFile(name="s", text="é: x")
    excerpt = SourceFile(name="s", text="é: x", first_line=5)
    values = [
        json_library.loads(
            "".join(json.render([Report.of("s", [RULE.at(source.span(3), key="a")])]))
        )
        for source in (whole, excerpt)
    ]
    starts = [value["diagnostics"][0]["range"]["start"] for value in values]

    assert starts == [
        {"line": 1, "column": 4, "byte": 4},
        {"line": 5, "column": 4, "byte": None},
    ]


def test_json_without_findings_is_valid() -> None:
    value = json_library.loads("".join(json.render([Report.of("s", [])])))

    assert (value["valid"], value["diagnostics"]) == (True, [])


def test_github_gets_one_escaped_command_a_diagnostic() -> None:
    source = SourceFile(name="a,b:c%.yaml", text="x: 1\n::set-output name=a::b\n")
    found = RULE.at(source.span(0, 1), key="100%\r\n::add-mask::x", notes="n", help="write `a,b:c`")

    assert github.render([Report.of("s", [found])]) == (
        "::error file=a%2Cb%3Ac%25.yaml,line=1,endLine=1,col=1,endColumn=2,"
        "title=SP0101 unknown-field::`100%25␍␊::add-mask::x` is not a field of encoder"
        "%0Anote: n%0Ahelp: write `a,b:c`\n"
    )


def test_github_gets_no_columns_of_a_span_over_lines_and_no_file_of_a_setting() -> None:
    lines = WARNING.at(Span(SPEC, 0, len(SPEC.text)), lr=1)
    setting = SourceFile(name="--set", text="lr=1", kind=SourceKind.SETTING)
    text = github.render([Report.of("s", [lines, NOTE.at(setting.span(3, 4))])])

    assert text.splitlines() == [
        "::warning file=spec.yaml,line=1,endLine=7,title=SP0250 low-lr::`lr` 1 is low",
        "::notice title=SP0312 model-not-here::the model is not here (in --set lr=1)",
    ]
