import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.parse import parse
from softprompt_compiler.settings import Setting, merge, parse_setting
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import Tree, plain

SPEC = "name: squad\nsplits: [10, 5]\ntraining:\n  seed: 1\n"


def spec() -> Tree:
    tree = parse(SourceFile(name="spec.yaml", text=SPEC)).tree
    assert tree is not None
    return tree


def setting(text: str, index: int = 1) -> Setting:
    found, diagnostics = parse_setting(text, index)
    assert diagnostics == []
    assert found is not None
    return found


def merged(*texts: str) -> object:
    tree, found = merge(spec(), [setting(text, at) for at, text in enumerate(texts, start=1)])
    assert found == []
    return plain(tree.root)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("training.seed=7", {"training": {"seed": 7}}),
        ("training.optim.lr=1e-4", {"training": {"seed": 1, "optim": {"lr": 1e-4}}}),
        ("training={}", {"training": {}}),
        ("training=", {"training": None}),
        ("name=no", {"name": "no"}),
        ("name='a: b'", {"name": "a: b"}),
        ("name=a=b", {"name": "a=b"}),
        ("name= padded ", {"name": "padded"}),
        ("splits.1=7", {"splits": [10, 7]}),
        ("new={a: [1, {b: 2}]}", {"new": {"a": [1, {"b": 2}]}}),
    ],
)
def test_a_setting_puts_its_value_in_its_place(text: str, changed: dict[str, object]) -> None:
    before = {"name": "squad", "splits": [10, 5], "training": {"seed": 1}}

    assert merged(text) == before | changed


def test_the_last_setting_of_a_place_counts() -> None:
    assert merged("name=a", "name=b") == merged("name=b")


def test_a_setting_may_fill_what_another_one_made() -> None:
    assert merged("a.b=1", "a.c=2") == merged("a={b: 1, c: 2}")


def test_places_are_in_the_setting_and_count_from_its_number() -> None:
    tree, _ = merge(spec(), [setting("training.seed=17", 3)])
    node = tree.find(("training", "seed"))

    assert node is not None
    assert (node.span.source.name, node.span.line, node.span.column) == ("--set", 3, 15)
    assert (node.span.text, node.key_span.text) == ("17", "seed")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("training.seed", "SP0040"),
        ("=1", "SP0040"),
        ("a..b=1", "SP0040"),
        (".a=1", "SP0040"),
        ("", "SP0040"),
        ("a b=1", "SP0040"),
        ("a=*x", "SP0009"),
        ("a=[1", "SP0025"),
        ("a=\udcff", "SP0004"),
        ("a=Text: {text}", "SP0021"),
        ("a=Text: {text} Mood: {mood}", "SP0021"),
        ("a=%d", "SP0028"),
    ],
)
def test_a_wrong_setting_is_told_with_its_rule(text: str, code: str) -> None:
    found, diagnostics = parse_setting(text, 1)

    assert found is None
    assert [each.code for each in diagnostics] == [code]
    assert diagnostics[0].span.source.text == text


@pytest.mark.parametrize("text", ["name.x=1", "splits.2=1", "splits.x=1", "splits.-1=1"])
def test_a_setting_cannot_go_inside_a_value_or_lengthen_a_list(text: str) -> None:
    tree, (found,) = merge(spec(), [setting(text)])

    assert found.code == "SP0041"
    assert plain(tree.root) == plain(spec().root)


@given(st.text())
def test_any_text_of_a_setting_gives_a_setting_or_a_diagnostic(text: str) -> None:
    for candidate in (text, f"training.seed={text}", f"{text}=1"):
        found, diagnostics = parse_setting(candidate, 1)
        assert (found is None) == bool(diagnostics)
        if found:
            merge(spec(), [found])
