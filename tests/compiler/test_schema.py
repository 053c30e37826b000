import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from softprompt_compiler.bind import bind
from softprompt_compiler.parse import parse
from softprompt_compiler.schema import json_schema
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import plain
from tests.spec_strategies import as_yaml, specs

SCHEMA = json_schema()
VALIDATOR = Draft7Validator(SCHEMA)
SPECS = sorted((Path(__file__).parents[2] / "specs").glob("*.yaml"))
# Draft 7 calls 3.0 an integer, and the spec language does not; all else is told apart by both.
_FLAWS: list[Any] = [None, True, -1, 0, 0.5, 2.5, 10**12, "", "x", "csv", [], ["x"], {}, {"x": 1}]


def _binds(text: str) -> bool:
    tree = parse(SourceFile(name="spec.yaml", text=text)).tree
    return tree is not None and not bind(tree).diagnostics


def _paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict):
        return [at]
    return [at, *(path for key in value for path in _paths(value[key], (*at, key)))]  # pyright: ignore


def test_it_is_a_schema_of_draft_7() -> None:
    Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_it_accepts_the_specs_of_this_project(path: Path) -> None:
    tree = parse(SourceFile(name=path.name, text=path.read_text("utf-8"))).tree
    assert tree is not None

    assert list(VALIDATOR.iter_errors(plain(tree.root))) == []


@given(specs())
def test_it_accepts_what_binds(generated: dict[str, Any]) -> None:
    assert _binds(as_yaml(generated))
    assert list(VALIDATOR.iter_errors(generated)) == []


@given(specs(), st.data())
def test_it_and_the_types_agree_on_damaged_specs(
    generated: dict[str, Any], data: st.DataObject
) -> None:
    damaged: dict[str, Any] = json.loads(json.dumps(generated))
    path = data.draw(st.sampled_from(_paths(damaged)[1:]))
    holder = damaged
    for step in path[:-1]:
        holder = holder[step]
    match data.draw(st.sampled_from(["value", "key", "drop"])):
        case "value":
            holder[path[-1]] = data.draw(st.sampled_from(_FLAWS))
        case "key":
            holder[data.draw(st.sampled_from(["x", "a b", "lr", "", "\u00e9"]))] = "x"
        case _:
            del holder[path[-1]]

    assert _binds(as_yaml(damaged)) == VALIDATOR.is_valid(damaged)


def test_every_field_is_described_and_has_its_default() -> None:
    optim = SCHEMA["properties"]["training"]["properties"]["optim"]["properties"]

    assert optim["lr"]["default"] == 0.001
    assert "learning rate" in optim["lr"]["description"]
    assert optim["betas"] | {"description": "", "markdownDescription": ""} == {
        "type": "array",
        "default": [0.9, 0.98],
        "minItems": 2,
        "maxItems": 2,
        "items": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}] * 2,
        "description": "",
        "markdownDescription": "",
    }


def test_no_word_of_a_later_draft_is_left() -> None:
    text = json.dumps(SCHEMA)

    for word in ('"$ref"', '"$defs"', '"prefixItems"', '"patternProperties"'):
        assert word not in text
