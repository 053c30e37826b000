"""The formatter changes no value, loses no comment, and leaves alone what it is not sure of."""

from pathlib import Path

import pytest
from hypothesis import given

from softprompt_compiler.formatting.blocks import UnsureError
from softprompt_compiler.formatting.format import format_spec
from softprompt_compiler.formatting.key_order import ROOT, in_order
from softprompt_compiler.parse import parse
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import Tree, plain
from tests.written_specs import WrittenSpec, written_specs

SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))


def tree_of(text: str) -> Tree:
    parsed = parse(SourceFile(name="spec.yaml", text=text))
    assert parsed.tree is not None, parsed.diagnostics
    assert parsed.diagnostics == ()
    return parsed.tree


def formatted(text: str) -> str:
    return format_spec(SourceFile(name="spec.yaml", text=text), tree_of(text))


@given(written_specs())
def test_a_spec_in_any_layout_gets_the_one_layout(written: WrittenSpec) -> None:
    text = formatted(written.text)
    tree = tree_of(text)

    assert plain(tree.root) == plain(tree_of(written.text).root)
    assert list(written.spec["tasks"]) == list(plain(tree.root)["tasks"])  # type: ignore[index, call-overload]
    assert formatted(text) == text
    assert "\r" not in text
    assert "|" in text or "\n\n\n" not in text
    lines = text.split("\n")
    for comment, path in written.above.items():
        (at,) = [at for at, line in enumerate(lines) if line.strip() == comment]
        while not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
        assert tree.nearest(path).key_span.line == at + 1, comment
    for comment, path in written.beside.items():
        (at,) = [at for at, line in enumerate(lines) if line.endswith(f" {comment}")]
        node = tree.nearest(path)
        assert node.key_span.line <= at + 1 <= max(node.key_span.line, node.span.end_line), comment


@given(written_specs())
def test_keys_stand_in_the_order_of_the_language(written: WrittenSpec) -> None:
    keys = list(plain(tree_of(formatted(written.text)).root))  # type: ignore[arg-type]

    assert keys == in_order(ROOT, [(key, key) for key in keys])


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_the_specs_of_the_repository_are_formatted(path: Path) -> None:
    text = path.read_text("utf-8")

    assert formatted(text) == text


MESSY = """\
# yaml-language-server: $schema=x.json
#  about the name
name:   "mood"   #   kept
version : 1

tasks:


      mood:
            # the template
            prompt_template: |  # a block
                 {text}:
                   {mood}
            metrics:
            - f1     # one
            # two is enough

            - accuracy
            data: { train: a.jsonl,test:  [ b.jsonl,c.jsonl ] }
            #answer_field: mood
# about the model
model: {max_seq_length: 64,
  source: here}
training:
  # nothing yet

# the end
"""
NEAT = """\
# yaml-language-server: $schema=x.json
version: 1
#  about the name
name: "mood" #   kept
# about the model
model: {source: here, max_seq_length: 64}

tasks:
  mood:
    # the template
    prompt_template: | # a block
      {text}:
        {mood}
    data: {train: a.jsonl, test: [b.jsonl, c.jsonl]}
    metrics:
      - f1 # one
      # two is enough

      - accuracy
    #answer_field: mood
training:
# nothing yet

# the end
"""


def test_a_messy_spec_becomes_a_neat_one() -> None:
    assert formatted(MESSY) == NEAT
    assert formatted(NEAT) == NEAT


@pytest.mark.parametrize(
    "text",
    [
        "a: |+\n  x\n\n\nversion: 1\n",
        "a: |2\n    x\n  y\nversion: 1\n",
        "a:\n      b: |1-\n        x\nversion: 1\n",
        "a: >-\n  x\n  y\n\n  z\n\nversion: 1\n",
        'a: "x\n  y\\\n\n     \\ z"\nversion: 1\n',
        "a: x\n  y\n    z\nversion: 1\n",
        "a: 'x\n\n  y'\nversion: 1\n",
        "a: # c\n  b\nversion: 1\n",
        "a:\n  b\nversion: 1\n",
        "a:\nb: ~\nversion: 1\n",
        "a: [1, # one\n  2]\nversion: 1\n",
        "a: [x: 1, 'y #']\nversion: 1\n",
        "a: {x, y: }\nversion: 1\n",
        "a: ['#', \"b # c\", d#e]\nversion: 1\n",
        "a: |\n\n  x # no comment\n\n\n# c\nversion: 1\n",
        "  a: 1\n  b:\n    c: 1\n",
        "\ufeff# c\nversion: 1\n".removeprefix("\ufeff"),
        "a: 'it''s'\n'b c': 1.50\n\"d\": 0o17\nversion: 1\n",
        "a: |+\n  x\n\n",
    ],
)
def test_ways_to_write_a_value_keep_it(text: str) -> None:
    again = formatted(text)

    assert plain(tree_of(again).root) == plain(tree_of(text).root)
    assert formatted(again) == again
    assert text.count("# c") == again.count("# c")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("{version: 1}\n", 1, "the whole spec is in braces"),
        ("a:\n  # c\n  b\n", 3, "a comment between a key and its value"),
        ("a: # one\n  b # two\n", 2, "two comments beside one value"),
        ("a:\n- b: 1\n", 2, "a list item that is no single value"),
        ("a:\n- - b\n", 2, "a list item that is no single value"),
        ("a:\n-\n", 2, "a list item that is no single value"),
        ("? a\n: 1\n", 1, "a key that is not the first of its line"),
        ("a: 1\n...\n", 2, "a line that is neither a key nor a comment"),
    ],
)
def test_what_would_have_to_be_guessed_about_is_left_alone(
    text: str, line: int, reason: str
) -> None:
    with pytest.raises(UnsureError) as caught:
        formatted(text)

    assert (caught.value.reason, caught.value.line) == (reason, line)
