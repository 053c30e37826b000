"""Names of the spec -> what they stand for: templates, files, facts of the model.

A field that did not bind is passed over, and what could not be resolved is not in the result; the
checks that need it are skipped.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from softprompt_compiler.data_paths import DataPath, data_paths, resolve_data_path
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolve_model import resolve_model
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.soft_prompt_paths import soft_prompt_paths
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Tree
from softprompt_compiler.world import World
from softprompt_plan.template import Template, parse_template

if TYPE_CHECKING:
    from softprompt_compiler.trained_prompt import TrainedPrompt


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
    model = resolve_model(tree, spec, world)
    resolved = ResolvedSpec(
        tree=tree,
        spec=spec,
        templates=dict(_templates(spec)),
        found=files,
        model=model,
        soft_prompts=_soft_prompts(tree, spec, world, found),
    )
    return Resolution(resolved=resolved, diagnostics=(*found, *model.diagnostics))


def _soft_prompts(
    tree: Tree, spec: Spec, world: World, found: list[Diagnostic]
) -> "dict[str, TrainedPrompt]":
    """The trained soft prompts that the spec names, by the key that names them."""
    named = list(soft_prompt_paths(spec))
    if not named:
        return {}
    from softprompt_compiler.trained_prompt import TrainedPrompt, read_trained_prompt

    prompts: dict[str, TrainedPrompt] = {}
    for key, path, text in named:
        span = tree.nearest(path).span
        trained = read_trained_prompt(text, span, world)
        if isinstance(trained, TrainedPrompt):
            prompts[key] = trained
        else:
            found.append(trained)
    return prompts


def _templates(spec: Spec) -> Iterator[tuple[str, Template]]:
    with suppress(DamagedFieldError):
        for name, task in spec.tasks.items():
            with suppress(DamagedFieldError):
                yield name, parse_template(task.prompt_template)
