"""The JSON Schema, draft 07, of what `spec validate -o json` prints.

It describes this version and no other: the keys are all there, and there are no others. Later
versions `1.x` add keys.
"""

from typing import Any, TypeAlias

from softprompt_compiler.diagnostic import Confidence, Severity
from softprompt_compiler.render.json import FORMAT_VERSION
from softprompt_plan.part_lengths import PartKind
from softprompt_plan.vocabulary import Split

_Schema: TypeAlias = dict[str, Any]


def report_schema() -> _Schema:
    """The schema; docs/diagnostics.md says what the keys mean."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "softprompt report",
        **_object(
            format_version={"const": FORMAT_VERSION},
            valid=_BOOLEAN,
            strict=_BOOLEAN,
            error_count=_COUNT,
            warning_count=_COUNT,
            data=_list(_data()),
            ignored=_list(_object(**_HEAD, range=_range(), reason=_TEXT)),
            diagnostics=_list(_diagnostic()),
        ),
    }


def _object(**properties: _Schema) -> _Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(items: _Schema) -> _Schema:
    return {"type": "array", "items": items}


def _or_null(schema: _Schema) -> _Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _mapping(values: _Schema) -> _Schema:
    return {"type": "object", "additionalProperties": values}


_TEXT: _Schema = {"type": "string"}
_BOOLEAN: _Schema = {"type": "boolean"}
_NUMBER: _Schema = {"type": "number", "minimum": 0}
_COUNT: _Schema = {"type": "integer", "minimum": 0}
_FROM_ONE: _Schema = {"type": "integer", "minimum": 1}
_COUNTS = _mapping(_FROM_ONE)
_HEAD: dict[str, _Schema] = {
    "spec": _TEXT,
    "severity": {"enum": [severity.value for severity in Severity]},
    "code": {"type": "string", "pattern": "^SP[0-9]{4}$"},
    "name": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
    "summary": _TEXT,
}


def _diagnostic() -> _Schema:
    snippet = _object(
        code=_TEXT,
        start_line=_FROM_ONE,
        highlight_start_offset=_COUNT,
        highlight_end_offset=_COUNT,
    )
    edit = _object(range=_range(), replacement=_TEXT)
    fix = _object(
        confidence={"enum": [confidence.value for confidence in Confidence]}, edits=_list(edit)
    )
    return _object(
        **_HEAD,
        detail=_TEXT,
        range=_range(),
        snippet=_or_null(snippet),
        labels=_list(_object(range=_range(), text=_TEXT)),
        notes=_list(_TEXT),
        help=_list(_TEXT),
        fixes=_list(fix),
    )


def _range() -> _Schema:
    position = _object(line=_FROM_ONE, column=_FROM_ONE, byte=_or_null(_COUNT))
    return _object(filename=_TEXT, start=position, end=position)


def _data() -> _Schema:
    limit = _object(
        given=_COUNT,
        cuts_nothing=_COUNT,
        cuts_one_percent=_COUNT,
        num_rows=_COUNT,
        num_rows_too_long=_COUNT,
        max_positions=_or_null(_COUNT),
    )
    init = _object(task=_TEXT, key={"enum": ["text", "labels"]}, given=_COUNT, wanted=_FROM_ONE)
    return _object(
        spec=_TEXT,
        num_steps=_COUNT,
        max_seq_length=_or_null(limit),
        init=_list(init),
        splits=_list(_split()),
    )


def _split() -> _Schema:
    return _object(
        task=_TEXT,
        split={"enum": [split.value for split in Split]},
        num_rows=_COUNT,
        num_faulty=_COUNT,
        missing_fields=_COUNTS,
        extra_columns=_COUNTS,
        num_other_extra=_COUNT,
        num_empty_answers=_COUNT,
        num_without_answer=_COUNT,
        num_repeated=_COUNT,
        num_contrary=_COUNT,
        num_in_train=_or_null(_COUNT),
        labels=_or_null(_COUNTS),
        num_other_labels=_COUNT,
        tokens=_or_null(_tokens()),
    )


def _tokens() -> _Schema:
    lengths: dict[str, _Schema] = {"mean": _NUMBER, "median": _COUNT, "p95": _COUNT, "max": _COUNT}
    kinds: _Schema = {"enum": [kind.value for kind in PartKind]}
    return _object(
        whole_row=_object(**lengths),
        parts=_list(_object(part=kinds, field=_or_null(_TEXT), **lengths)),
        num_cut=_COUNT,
        cut=_mapping(_object(num_rows=_COUNT, mean=_NUMBER, max=_COUNT)),
        num_unfit=_COUNT,
    )
