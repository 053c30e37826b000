"""Which rules speak of which field: read off the pages of the rules, which are compiled.

`pytest --update-golden` writes what is found into explanations/fields.json.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from softprompt_compiler.catalogue import RULES
from softprompt_compiler.diagnostic import Label
from softprompt_compiler.explain import explain
from softprompt_compiler.field_page import rules_of
from softprompt_compiler.parse import parse
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.source import SourceFile, Span
from softprompt_compiler.spec.walk import all_fields
from softprompt_compiler.tree import MappingNode, Node, SequenceNode, Tree
from softprompt_compiler.tree import Path as TreePath
from softprompt_compiler.world import LocalWorld
from tests.compiler.page_world import make_world
from tests.compiler.pages import blocks, world_of
from tests.compiler.test_explanations import FOLDER, PAGES

FILE = FOLDER / "fields.json"
FIELDS = list(all_fields())
_OF_EVERY_FIELD = "SP012"  # rules below are about the type of any field, or about text


def _paths(node: Node, at: TreePath = ()) -> Iterator[tuple[Span, TreePath]]:
    """The places of all keys and values, with their paths."""
    yield node.span, at
    if isinstance(node, MappingNode):
        for key, value in node.entries:
            yield key.span, (*at, key.text)
            yield from _paths(value, (*at, key.text))
    elif isinstance(node, SequenceNode):
        for number, item in enumerate(node.items):
            yield from _paths(item, (*at, number))


def _field(path: TreePath) -> str:
    steps = [step for step in path if isinstance(step, str)]
    if steps[:1] == ["tasks"] and len(steps) > 1:
        steps[1] = "NAME"
    while steps and ".".join(steps) not in FIELDS:  # inside a mapping of free keys
        steps.pop()
    return ".".join(steps)


def _fields_of(label: Label, tree: Tree) -> set[str]:
    """The field that a label stands at, or the ones below it that its text names."""
    if label.span.source is not tree.source:
        return set()
    holding = [
        (span.end - span.start, -len(path), path)
        for span, path in _paths(tree.root)
        if span.start <= label.span.start and label.span.end <= span.end
    ]
    field = _field(min(holding, key=lambda each: each[:2])[2]) if holding else ""
    named = {f"{field}.{name}".lstrip(".") for name in re.findall(r"`(\w+)` is", label.text)}
    return (named & set(FIELDS)) or {field}


def _found(folder: Path) -> dict[str, list[str]]:
    rules: dict[str, set[str]] = {}
    make_world(folder / "shared")
    for page in PAGES:
        if page.stem < _OF_EVERY_FIELD or page.stem == "SP0901":
            continue
        text, world_folder = page.read_text("utf-8"), folder / "shared"
        if any(block.name for block in blocks(text)):
            world_folder = folder / page.stem
            world_of(text, world_folder)
        world = LocalWorld(spec_folder=world_folder, environment={})
        for block in blocks(text):
            if block.kind != "yaml" or block.name or block.heading != "Wrong":
                continue
            source = SourceFile(name="spec.yaml", text=block.text)
            tree = parse(source).tree
            found = check_spec(source, [], world, read_data=True).diagnostics
            for each in found if tree else ():
                for label in (each.primary, *each.secondary):
                    # parse made another tree, of the same source
                    for field in _fields_of(label, tree) if tree else ():
                        if each.code == page.stem:
                            rules.setdefault(field, set()).add(each.code)
    return {field: sorted(rules[field]) for field in sorted(rules) if field}


def test_the_list_is_what_the_pages_show(tmp_path: Path, *, update_golden: bool) -> None:
    found = _found(tmp_path)
    if update_golden:
        FILE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")

    assert found == json.loads(FILE.read_text("utf-8"))


def test_most_rules_of_several_fields_are_on_the_page_of_one() -> None:
    listed = {code for codes in json.loads(FILE.read_text("utf-8")).values() for code in codes}
    missing = [code for code in RULES if code.startswith("SP02") and code not in listed]

    assert missing == []


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("training.global_batch_size", "SP0231"),
        ("training.micro_batch_size", "SP0231"),
        ("tasks.NAME.virtual_token_splits", "SP0201"),
        ("tasks.NAME.prompt_template", "SP0213"),
        ("inference.temperature", "SP0242"),
    ],
)
def test_a_field_s_page_names_the_rules_that_concern_it(field: str, code: str) -> None:
    assert code in [rule.code for rule in rules_of(field)]
    assert f"{code} {RULES[code].name}" in explain(field)
