import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from softprompt_compiler.decode import MAX_BYTES, MAX_CHARACTERS, decode
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.parse import MAX_DEPTH, Parsed, parse
from softprompt_compiler.render import github, human, json
from softprompt_compiler.render.report import Report
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import MappingNode, ScalarNode, Tree, plain

SPEC = """\
version: 1
name: squad
tasks:
  squad:
    prompt_template: "<|VIRTUAL_PROMPT_0|> Question: {question}\\n\\nAnswer:{answer}"
    virtual_token_splits: [10, 5]
    data:
      train:
        - a.jsonl
        - 'b.jsonl'  # more
training: {max_epochs: 10, optim: {lr: 1e-3}}
"""
SIGNS = [
    *":-?[]{},&*!|>'\"%@`#\\ \t\n~<=.",
    "\n  ", "\n- ", ": ", "? ", "---\n", "...\n", "%YAML 1.2\n", "!!", "\r\n", "\x85", "\u2028",
    "é", "{x}", "key: ", "\\U00110000", "\\UFFFFFFFF", "\\x", "|2", ">-\n", "\ufeff", "\0", "<<: ",
    "%YAML " + "9" * 5000 + "\n", "\\ud800",
]  # fmt: skip
YAMLISH = st.lists(st.sampled_from(SIGNS) | st.text(max_size=3), max_size=20).map("".join)


def parsed(text: str) -> Parsed:
    return parse(SourceFile(name="spec.yaml", text=text))


def tree(text: str) -> Tree:
    result = parsed(text)
    assert result.diagnostics == ()
    assert result.tree is not None
    return result.tree


def codes(text: str) -> list[str]:
    return [each.code for each in parsed(text).diagnostics]


@st.composite
def damaged_spec(draw: st.DrawFn) -> str:
    text = SPEC
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(text)))
        put_in = draw(st.sampled_from(["", *SIGNS]))
        text = text[:at] + put_in + text[at + draw(st.integers(0, 5)) :]
    return text


def assert_is_told(text: str) -> None:
    """Any text gives a tree or a diagnostic, and every diagnostic can be shown in every form."""
    result = parsed(text)
    assert result.tree or result.diagnostics
    assert_can_be_shown(result.diagnostics)


def assert_can_be_shown(found: tuple[Diagnostic, ...]) -> None:
    report = Report.of("spec.yaml", found)
    assert (
        human.render(report, human.Style(color=True, width=40)).isprintable() is False or not found
    )
    "".join(json.render([report]))
    assert len(github.render([report]).splitlines()) == len(report.diagnostics)
    for each in found:
        length = len(each.span.source.text)
        edits = each.fix.edits if each.fix else ()
        spans = [each.span, *(edit.span for edit in edits), *(one.span for one in each.secondary)]
        assert all(0 <= span.start <= span.end <= length for span in spans)


@given(st.text())
@example("")
@example("&a [*a]")
@example("[" * 3000)
@example("{a: " * 3000)
@example("- " * 3000)
@example("? " * 3000)
@example("a: " + "[" * 3000 + "]" * 3000)
@example("!!python/object:os.system {}")
@example("\0")
@example("?")
def test_any_text_is_told_about(text: str) -> None:
    assert_is_told(text)


@given(YAMLISH)
def test_any_yaml_like_text_is_told_about(text: str) -> None:
    assert_is_told(text)


@given(damaged_spec())
def test_any_damaged_spec_is_told_about(text: str) -> None:
    assert_is_told(text)


@given(st.binary())
@example(b"\xff\xfea\0")
@example(b"\xef\xbb\xbf\xff")
@example("é".encode()[:1])
def test_any_bytes_are_told_about(data: bytes) -> None:
    source, found = decode("spec.yaml", data)
    assert_can_be_shown(tuple(found))
    if not found:
        assert source.text.encode() == data.removeprefix(b"\xef\xbb\xbf")
        assert_is_told(source.text)


def test_values_are_plain_and_places_are_exact() -> None:
    spec = tree(SPEC)
    task = ("tasks", "squad")
    data = spec.find((*task, "data", "train"))
    lr = spec.find(("training", "optim", "lr"))

    assert data is not None
    assert lr is not None
    assert plain(data) == ["a.jsonl", "b.jsonl"]
    assert plain(lr) == 1e-3
    assert (lr.span.text, lr.key_span.text) == ("1e-3", "lr")
    assert (lr.span.line, lr.span.column) == (11, 40)
    assert data.span.text == "- a.jsonl\n        - 'b.jsonl'"
    assert data.key_span.text == "train"


def test_a_section_spans_its_content_without_comments_below_it() -> None:
    spec = tree("a:\n  b: 1\n\n# about c\nc: 2\n")
    section = spec.find(("a",))

    assert section is not None
    assert section.span.text == "b: 1"


def test_an_item_of_a_list_stands_under_itself() -> None:
    item = tree("a: [x, y]").find(("a", 1))

    assert item is not None
    assert item.key_span.text == "y"


def test_the_nearest_node_is_where_something_missing_is_reported() -> None:
    nearest = tree(SPEC).nearest(("tasks", "squad", "answer_field"))

    assert nearest.key_span.text == "squad"
    assert nearest.key_span.line == 4
    assert tree(SPEC).nearest(("launch",)).key_span.start == 0


def test_a_value_that_is_not_written_is_null_and_has_no_width() -> None:
    node = tree("a:\nb: 1\n").find(("a",))

    assert isinstance(node, ScalarNode)
    assert node.value is None
    assert (node.span.start, node.span.end) == (2, 2)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    source, found = decode("spec.yaml", b"\xef\xbb\xbfa: 1\n")

    assert not found
    assert source.text == "a: 1\n"


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_line_breaks_of_every_system_are_read_alike(line_break: str) -> None:
    text = SPEC.replace("\n", line_break)

    assert plain(tree(text).root) == plain(tree(SPEC).root)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: &x 1", "SP0008"),
        ("a: *x", "SP0009"),
        ("<<: {a: 1}", "SP0010"),
        ("a: !!str 1", "SP0011"),
        ("a: !!python/object/apply:os.system ['true']", "SP0011"),
        ("%YAML 1.1\n---\na: 1", "SP0012"),
        ("%YAML " + "9" * 5000 + "\n---\na: 1", "SP0012"),
        ("a: 1\n---\nb: 1", "SP0013"),
        ("1: a", "SP0014"),
        ("? [a]\n: b", "SP0014"),
        ("? ", "SP0014"),
        ("a: " + "[" * MAX_DEPTH, "SP0015"),
        ("a\0: 1", "SP0004"),
        ("a: \x1b[31m", "SP0004"),
        ("a: \udcff", "SP0004"),
        ('a: "\\0"', "SP0033"),
        ('a: "\\uDFFF"', "SP0033"),
        ('a: "\\UFFFFFFFF"', "SP0033"),
        ("a: " + "1" * 5000, "SP0034"),
        ("k" * 1025 + ": 1", "SP0016"),
    ],
)
def test_what_specs_do_without_is_refused_by_its_own_rule(text: str, code: str) -> None:
    assert codes(text) == [code]


def test_anchor_and_alias_are_each_reported_and_nothing_is_copied() -> None:
    result = parsed("a: &x [1]\nb: *x\nc: *x\n")

    assert [each.code for each in result.diagnostics] == ["SP0008", "SP0009", "SP0009"]
    assert result.tree is None


def test_of_two_equal_keys_the_first_stays_and_both_places_are_shown() -> None:
    result = parsed("a: 1\nb: 2\n'a': 3\n")
    (found,) = result.diagnostics

    assert result.tree is not None
    assert plain(result.tree.root) == {"a": 1, "b": 2}
    assert (found.code, found.span.line, found.secondary[0].span.line) == ("SP0007", 3, 1)


def test_independent_faults_of_the_text_are_reported_together() -> None:
    assert codes("a: 1\na: 2\n3: x\nb: !t 1\n") == ["SP0007", "SP0014", "SP0011"]


def test_a_key_that_is_a_number_still_names_its_value() -> None:
    result = parsed("2024: x")

    assert result.tree is not None
    assert "2024" in result.tree.root


def test_the_deepest_nesting_that_is_allowed_is_read() -> None:
    depth = MAX_DEPTH - 1  # the spec itself is one mapping

    assert codes("a: " + "[" * depth + "]" * depth) == []


def test_a_line_of_ten_megabytes_is_refused_at_once() -> None:
    started = time.process_time()
    source, found = decode("spec.yaml", b"a: " + b"x" * 10_000_000)

    assert [each.code for each in found] == ["SP0003"]
    assert source.text == ""
    assert time.process_time() - started < 1


def test_a_text_that_is_a_little_too_long_is_refused() -> None:
    assert len("x" * (MAX_CHARACTERS + 1)) < MAX_BYTES
    assert codes("x" * (MAX_CHARACTERS + 1)) == ["SP0003"]


@pytest.mark.parametrize(
    "piece",
    ["k%d:\n", "- a\n", " ", "\n", "a ", '"', "'", "&a ", "!t ", "[", "x: [", "#", "|\n", "\\n"],
)
def test_the_largest_text_of_any_kind_is_read_in_seconds(piece: str) -> None:
    count = MAX_CHARACTERS // (len(piece) + 4)
    pieces = [piece % index if "%" in piece else piece for index in range(count)]
    started = time.process_time()
    assert_is_told("a: x\n" + "".join(pieces))

    assert time.process_time() - started < 5  # about 1 s


def test_a_mapping_is_iterated_in_the_order_of_the_text() -> None:
    root = tree("b: 1\na: 2\n").root

    assert isinstance(root, MappingNode)
    assert list(root) == ["b", "a"]


def test_a_decimal_comma_is_told_from_a_key_and_never_quoted() -> None:
    result = parsed("training: {optim: {lr: 1,5e-3}}")
    (found,) = result.diagnostics

    assert (found.code, found.help) == ("SP0014", ("write `.` in place of the `,` in a number",))
    assert found.fix is not None
    assert (found.fix.confidence.value, found.fix.edits[0].span.text) == ("guess", ",")
    (spaced,) = parsed("a: {b: 1, 5: x}").diagnostics
    assert spaced.help == ("write '5'",)
