import json
from collections.abc import Iterator
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
from softprompt_compiler.spec.walk import all_fields
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
    assert {key: value for key, value in optim["betas"].items() if "escription" not in key} == {
        "type": "array",
        "default": [0.9, 0.98],
        "examples": [[0.9, 0.98]],
        "minItems": 2,
        "maxItems": 2,
        "items": [{"type": "number", "minimum": 0, "exclusiveMaximum": 1}] * 2,
    }


def _fields(schema: dict[str, Any], at: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field's schema by its dotted name."""
    for name, field in schema.get("properties", {}).items():
        yield at + name, field
        for held in (field, *field.get("anyOf", [])):
            yield from _fields(held, f"{at}{name}.")
            if "properties" in (each := held.get("additionalProperties") or {}):
                yield from _fields(each, f"{at}{name}.NAME.")


FIELDS = dict(_fields(SCHEMA))


def test_the_schema_has_every_field() -> None:
    assert sorted(FIELDS) == sorted(all_fields())


@pytest.mark.parametrize("name", list(FIELDS))
def test_an_editor_is_told_what_a_field_is(name: str) -> None:
    """A description, and unless it is a section, values that it takes; its default is one."""
    field = FIELDS[name]

    assert len(field["description"]) > 10
    holds_fields = any(other.startswith(f"{name}.") for other in FIELDS)
    examples = field.get("examples", [])
    assert examples or holds_fields
    for value in [*examples, *([field["default"]] if "default" in field else [])]:
        assert Draft7Validator(field).is_valid(value)


def _enums(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if "enum" in schema:
            yield schema
        for each in schema.values():  # pyright: ignore[reportUnknownVariableType]
            yield from _enums(each)
    elif isinstance(schema, list):
        for each in schema:  # pyright: ignore[reportUnknownVariableType]
            yield from _enums(each)


def test_every_word_has_its_meaning() -> None:
    enums = list(_enums(SCHEMA))

    assert len(enums) > 15
    for schema in enums:
        texts = schema.get("enumDescriptions")
        assert texts is not None, f"{schema['enum']} are not in spec/meanings.py"
        assert len(texts) == len(schema["enum"])
        assert all(len(text) > 4 for text in texts), schema["enum"]
        assert texts == schema["markdownEnumDescriptions"]


def test_no_word_of_a_later_draft_is_left() -> None:
    text = json.dumps(SCHEMA)

    for word in ('"$ref"', '"$defs"', '"prefixItems"', '"patternProperties"'):
        assert word not in text
