"""Names of the spec -> what they stand for: templates, files, facts of the model.

A field that did not bind is passed over, and what could not be resolved is not in the result; the
checks that need it are skipped.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from softprompt_compiler.data_paths import DataPath, data_paths, resolve_data_path
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Tree
from softprompt_compiler.world import World
from softprompt_plan.template import Template, parse_template
from softprompt_plan.vocabulary import ModelSourceKind


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """What `resolve` made of a spec, and what it found."""

    resolved: ResolvedSpec
    diagnostics: tuple[Diagnostic, ...]


def resolve(tree: Tree, spec: Spec, world: World) -> Resolution:
    """Look up everything the spec names. Raises nothing for a fault of the spec or the world."""
    found: list[Diagnostic] = []
    files: dict[DataPath, tuple[Path, ...]] = {}
    for path in data_paths(tree, spec):
        files[path], faults = resolve_data_path(path, world)
        found += faults
    resolved = ResolvedSpec(
        tree=tree,
        spec=spec,
        templates=dict(_templates(spec)),
        found=files,
        model_kind=_model_kind(spec, world),
    )
    return Resolution(resolved=resolved, diagnostics=tuple(found))


def _templates(spec: Spec) -> Iterator[tuple[str, Template]]:
    with suppress(DamagedFieldError):
        for name, task in spec.tasks.items():
            with suppress(DamagedFieldError):
                yield name, parse_template(task.prompt_template)


def _model_kind(spec: Spec, world: World) -> ModelSourceKind:
    source = spec.model.source
    if source.startswith("package:") or source.endswith(".gguf"):
        return ModelSourceKind.GGUF
    return ModelSourceKind.FOLDER if world.is_folder(world.path(source)) else ModelSourceKind.HUB
