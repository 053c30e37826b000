"""One side of a comparison: a plan, and where it is known the files and contents beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from softprompt_plan.plan import Plan
from softprompt_plan.serialize import PlanFormatError, from_json
from softprompt_plan.vocabulary import Split

PLAN_FILE = "plan.json"
MANIFEST_FILE = "manifest.json"

Rows: TypeAlias = tuple[str, Split]  # a task and a split


class SideError(ValueError):
    """Files that are not what `spec compile` writes. The message is a plain sentence."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """A compiled spec, as far as it is known.

    scripts: file name to text; None where there is only a plan. places: dotted key to the place
    that says the value (`squad.yaml:12`, `--set:1`, or `default`). data: digests of each split's
    files; None where they are not known. model: what its config and tokenizer are known by.
    """

    name: str
    plan: Plan
    scripts: Mapping[str, str] | None = None
    places: Mapping[str, str] = field(default_factory=dict[str, str])
    data: Mapping[Rows, tuple[str, ...]] | None = None
    model: tuple[str | None, ...] | None = None


def side_of(name: str, files: Mapping[str, str], *, spec_name: str | None = None) -> Side:
    """The side of a compiled spec's files, or of a plan.json alone. Raises SideError.

    spec_name: what the spec is called in places; by default the name that the manifest has.
    """
    plan = _plan(files[PLAN_FILE])
    if MANIFEST_FILE not in files:
        return Side(name=name, plan=plan)
    value = _json_object(files[MANIFEST_FILE])
    scripts = {file: text for file, text in files.items() if file != MANIFEST_FILE}
    try:
        return Side(
            name=name,
            plan=plan,
            scripts=scripts,
            places=dict(_places(value, spec_name)),
            data=_data(value["data"]),
            model=tuple(value["model"].get(key) for key in ("config_sha256", "tokenizer_sha256")),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        raise SideError(f"{MANIFEST_FILE} is not as `spec compile` writes it") from None


def _plan(text: str) -> Plan:
    try:
        return from_json(text)
    except PlanFormatError as error:
        raise SideError(f"{PLAN_FILE} cannot be used: {error}") from None
    except RecursionError:
        raise SideError(f"{PLAN_FILE} is nested too deep") from None


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise SideError(f"{MANIFEST_FILE} is no JSON object")
    return cast("dict[str, Any]", value)


def _places(manifest: dict[str, Any], spec_name: str | None) -> Iterator[tuple[str, str]]:
    name = spec_name or str(manifest["spec"]["file"])
    for key, place in manifest["values"].items():
        source, colon, line = str(place).rpartition(":")
        yield str(key), f"{name if source == 'spec' else source}{colon}{line}"


def _data(paths: list[dict[str, Any]]) -> dict[Rows, tuple[str, ...]]:
    """Digests of the files of each split, in their order."""
    found: dict[Rows, tuple[str, ...]] = {}
    for path in paths:
        rows = (str(path["task"]), Split(path["split"]))
        digests = [str(file["sha256"]) for file in path["files"]]
        digests += [str(path["fingerprint"])] if "fingerprint" in path else []
        found[rows] = (*found.get(rows, ()), *digests)
    return found
