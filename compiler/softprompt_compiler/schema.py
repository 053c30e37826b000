"""The spec language as a JSON Schema, draft 07: what editors complete and check with.

It is made of the types that bind a spec, so it knows the same keys, ranges and defaults. What
several fields say together, and what names stand for, only the compiler knows.
"""

from collections.abc import Mapping
from typing import Any, cast

from softprompt_compiler.spec.meanings import meanings_of
from softprompt_compiler.spec.spec import Spec

_DRAFT = "http://json-schema.org/draft-07/schema#"
_REF = "#/$defs/"
_KEPT = (
    "type",
    "enum",
    "const",
    "default",
    "examples",
    "minimum",
    "exclusiveMinimum",
    "maximum",
    "exclusiveMaximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "minProperties",
    "required",
)
# Keywords that hold schemas. Of tuples minItems and maxItems fix the length.
_INNER = {
    "anyOf": "anyOf",
    "items": "items",
    "prefixItems": "items",
    "propertyNames": "propertyNames",
    "additionalProperties": "additionalProperties",
}


def json_schema() -> dict[str, Any]:
    """The schema, keys in the order of the types, everything written out where it is used."""
    made = Spec.model_json_schema()
    return {"$schema": _DRAFT, "title": "softprompt spec", **_draft_07(made, made["$defs"])}


def _draft_07(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """A schema of pydantic's (draft 2020-12) in the words of draft 07.

    Draft 07 has no `prefixItems` and reads nothing beside a `$ref`, so references are filled in.
    """
    if "$ref" in schema:
        beside = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**definitions[schema["$ref"].removeprefix(_REF)], **beside}
    made: dict[str, Any] = {key: schema[key] for key in _KEPT if key in schema}
    made |= _for_readers(schema)

    def inner(value: Any) -> Any:
        if isinstance(value, list):
            return [inner(each) for each in cast("list[Any]", value)]
        return _draft_07(value, definitions) if isinstance(value, dict) else value

    for old, new in _INNER.items():
        if old in schema:
            made[new] = inner(schema[old])
    if "properties" in schema:
        made["properties"] = {name: inner(each) for name, each in schema["properties"].items()}
    for pattern, each in schema.get("patternProperties", {}).items():
        # pydantic's patternProperties would let any other name pass unchecked.
        names = {"pattern": pattern, **schema.get("propertyNames", {})}
        made |= {"propertyNames": names, "additionalProperties": inner(each)}
    return made


def _for_readers(schema: Mapping[str, Any]) -> dict[str, Any]:
    """What editors show: `markdown...` and `enumDescriptions` are theirs, not draft 07's."""
    shown: dict[str, Any] = {}
    if "description" in schema:
        shown["description"] = shown["markdownDescription"] = schema["description"]
    if texts := meanings_of(tuple(schema.get("enum", ()))):
        shown["enumDescriptions"] = shown["markdownEnumDescriptions"] = texts
    is_value = schema.get("default") is not None and "properties" not in schema
    if is_value and "examples" not in schema:
        shown["examples"] = [schema["default"]]
    return shown
