"""manifest.json: where every value and file of a compiled run comes from.

It holds no clock and no absolute path, so that the same inputs give the same bytes.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from pathlib import PurePath
from typing import Any, cast

from softprompt_compiler import __version__
from softprompt_compiler.data_paths import data_paths
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.source import SourceFile, SourceKind
from softprompt_compiler.tree import Path, Tree
from softprompt_compiler.world import World
from softprompt_plan.hub_data import HubData, parse_hub_data
from softprompt_plan.plan import PLAN_FORMAT, Plan, TaskPlan
from softprompt_plan.row_formats import is_hub_data
from softprompt_plan.serialize import digest

# Plan fields that the spec spells otherwise, or that follow from another field.
_SPELT = {
    "kind": "source",
    "truncate_fields": "truncate_field",
    "virtual_token_splits": "total_virtual_tokens",
}


def text_digest(source: SourceFile) -> str:
    """sha256 of a source's text."""
    return hashlib.sha256(source.text.encode()).hexdigest()


def manifest(
    plan: Plan, resolved: ResolvedSpec, settings: Sequence[str], world: World
) -> dict[str, Any]:
    """The manifest of a plan as JSON values. Reads the data files for their digests."""
    tree = resolved.tree
    return {
        "softprompt": __version__,
        "plan_format": PLAN_FORMAT,
        "plan_sha256": digest(plan),
        "spec": {"file": PurePath(tree.source.name).name, "sha256": text_digest(tree.source)},
        "settings": list(settings),
        "model": _model(resolved, world),
        "data": data_digests(resolved, world),
        "values": dict(_values(plan, tree)),
    }


def manifest_json(content: dict[str, Any]) -> str:
    """The manifest's text."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _model(resolved: ResolvedSpec, world: World) -> dict[str, str | None]:
    """Digests of the model's config and tokenizer; null where its files are not here."""
    files, facts = resolved.model.files, resolved.model.facts
    tokenizer = None if files is None else world.tokenizer(files.path)
    return {
        "config_sha256": facts and facts.digest,
        "tokenizer_sha256": tokenizer and tokenizer.digest,
    }


def data_digests(resolved: ResolvedSpec, world: World) -> list[dict[str, Any]]:
    """Each data path of the spec with the names and digests of its files. Raises OSError."""
    return [
        {"task": path.task, "split": path.split.value, "path": path.text}
        | _content(world.files(path.text), world)
        for path in data_paths(resolved.tree, resolved.spec)
    ]


def _content(files: Sequence[FilePath], world: World) -> dict[str, Any]:
    """Digests of data files, or of a folder's files, or what tells a data set's split."""
    data = parse_hub_data(str(files[0])) if is_hub_data(str(files[0])) else None
    if data is None:
        return {"files": [{"name": file.name, "sha256": world.digest(file)} for file in files]}
    if not isinstance(data, HubData) or not data.is_folder:
        return {"files": [], "fingerprint": world.fingerprint(files[0])}
    folder = FilePath(data.name)  # the library's own fingerprint of a folder knows its path
    return {
        "files": [
            {"name": name, "sha256": world.digest(folder / name)}
            for name in world.names_under(folder)
        ]
    }


def _values(plan: Plan, tree: Tree) -> Iterator[tuple[str, str]]:
    """Every value of the plan with the place of the spec that says it, or `default`."""
    for field in dataclasses.fields(plan):
        value = getattr(plan, field.name)
        if field.name == "tasks":
            for task in cast("tuple[TaskPlan, ...]", value):
                yield from _leaves(task, ("tasks", task.name), tree)
        elif field.name != "format":
            yield from _leaves(value, (field.name,), tree)


def _leaves(value: Any, path: Path, tree: Tree) -> Iterator[tuple[str, str]]:
    if not dataclasses.is_dataclass(value):
        yield ".".join(str(step) for step in path), _origin(path, tree)
        return
    for field in dataclasses.fields(value):
        yield from _leaves(getattr(value, field.name), (*path, field.name), tree)


def _origin(path: Path, tree: Tree) -> str:
    node = tree.find(path)
    if node is None and path[-1] in _SPELT:
        node = tree.find((*path[:-1], _SPELT[str(path[-1])]))
    if node is None and path[0] == "tasks" and len(path) == 3 and path[-1] == "name":
        node = tree.find(path[:-1])
    if node is None:
        return "default"
    source = node.key_span.source
    name = source.name if source.kind is not SourceKind.SPEC else "spec"
    return f"{name}:{node.key_span.line}"
