"""What a lock holds: values, versions, and digests of model and data; and its JSON."""

import json
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias, cast

from softprompt_compiler import __version__
from softprompt_compiler.lock.weights import weights_digest
from softprompt_compiler.manifest import data_digests
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.world import World
from softprompt_plan.identity import plan_values
from softprompt_plan.plan import Plan
from softprompt_plan.tokenizer_fault import TokenizerError

FORMAT = 1
SUFFIX = ".lock"  # after the spec's whole name: two specs of a folder never share a lock
# What decides the numbers of a run, besides softprompt and Python itself.
_PACKAGES = (
    "datasets",
    "gguf",
    "numpy",
    "pyarrow",
    "pytorch-lightning",
    "safetensors",
    "tokenizers",
    "torch",
    "transformers",
)
MODEL_PARTS = ("config", "tokenizer", "weights")
_VERSION = re.compile(r"[0-9A-Za-z.!_-]{1,64}", re.ASCII)
_SAMPLES, _BYTES = "samples", "bytes"

Files: TypeAlias = tuple[tuple[str, str], ...]  # name and digest of each


class LockError(ValueError):
    """A text that is no lock. The message is a plain clause."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """What a spec stands for.

    values: of the run, by dotted name. versions: of packages; None where one is not installed.
    model: digests of its parts; None where they are not here. whole_weights: whether that of the
    weights is over all bytes. data: name and digest of the files of each task's split.
    """

    values: Mapping[str, Any]
    versions: Mapping[str, str | None]
    model: Mapping[str, str | None]
    whole_weights: bool
    data: Mapping[tuple[str, str], Files]


def lock_of(plan: Plan, resolved: ResolvedSpec, world: World, *, whole_weights: bool) -> Lock:
    """What a sound spec stands for now. Reads its data files. Raises OSError."""
    return Lock(
        values={
            ".".join(key): value for key, value in plan_values(plan).items() if key != ("format",)
        },
        versions=installed_versions(),
        model=_model(resolved, world, whole_weights=whole_weights),
        whole_weights=whole_weights,
        data=_data(resolved, world),
    )


def installed_versions() -> dict[str, str | None]:
    """Versions by package; without what tells builds apart, such as `+cpu`. Nothing is imported."""
    found: dict[str, str | None] = {"softprompt": __version__}
    major, minor, _ = platform.python_version_tuple()
    found["python"] = f"{major}.{minor}"
    for package in _PACKAGES:
        found[package] = None
        with suppress(PackageNotFoundError):
            found[package] = version(package).partition("+")[0]
    return found


def _model(resolved: ResolvedSpec, world: World, *, whole_weights: bool) -> dict[str, str | None]:
    files, facts = resolved.model.files, resolved.model.facts
    if files is None:
        return dict.fromkeys(MODEL_PARTS)
    tokenizer = None
    with suppress(TokenizerError):
        tokenizer = world.tokenizer(files.path).digest
    return {
        "config": facts and facts.digest,
        "tokenizer": tokenizer,
        "weights": weights_digest(files.path, whole=whole_weights),
    }


def _data(resolved: ResolvedSpec, world: World) -> dict[tuple[str, str], Files]:
    found: dict[tuple[str, str], Files] = {}
    for path in data_digests(resolved, world):
        key = (path["task"], path["split"])
        files = [(file["name"], file["sha256"]) for file in path["files"]]
        if path.get("fingerprint"):  # a data set of the hub, which is here
            files.append((path["path"], path["fingerprint"]))
        found[key] = (*found.get(key, ()), *files)
    return found


def lock_json(lock: Lock) -> str:
    """The lock's text: the same bytes for the same content."""
    value = {
        "format": FORMAT,
        "versions": dict(sorted(lock.versions.items())),
        "model": {
            **{part: lock.model[part] for part in MODEL_PARTS},
            "weights_cover": _BYTES if lock.whole_weights else _SAMPLES,
        },
        "data": [
            {
                "task": task,
                "split": split,
                "files": [{"name": name, "sha256": digest} for name, digest in files],
            }
            for (task, split), files in sorted(lock.data.items())
        ],
        "values": dict(lock.values),
    }
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def parse_lock(text: str) -> Lock:
    """The lock of `lock_json`. Raises LockError for anything else."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise LockError(f"it is not JSON, line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise LockError("it is not JSON that `spec lock` writes") from None
    if not isinstance(value, dict) or value.get("format") != FORMAT:
        found = cast("dict[str, Any]", value).get("format") if isinstance(value, dict) else None
        raise LockError(f"it is of format {found!r:.20}, and this version reads format {FORMAT}")
    try:
        return _lock_of_json(cast("dict[str, Any]", value))
    except (KeyError, TypeError, ValueError, AttributeError):
        raise LockError("it is not as `spec lock` writes it") from None


def _lock_of_json(value: dict[str, Any]) -> Lock:
    model = value["model"]
    return Lock(
        values=dict(value["values"].items()),
        versions={str(name): _version(found) for name, found in value["versions"].items()},
        model={part: _text(model[part]) for part in MODEL_PARTS},
        whole_weights={_BYTES: True, _SAMPLES: False}[model["weights_cover"]],
        data={
            (str(each["task"]), str(each["split"])): tuple(
                (str(file["name"]), str(file["sha256"])) for file in each["files"]
            )
            for each in value["data"]
        },
    )


def _version(value: Any) -> str | None:
    """A version, which is part of a command that a message proposes."""
    text = _text(value)
    if text is not None and not _VERSION.fullmatch(text):
        raise ValueError(text)
    return text


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(value)
    return value
