"""A spec together with what its names stand for."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from softprompt_compiler.data_paths import DataPath
from softprompt_compiler.facts import ModelFacts
from softprompt_compiler.resolve_model import ModelFiles
from softprompt_compiler.source import Span
from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Tree
from softprompt_plan.template import Template
from softprompt_plan.vocabulary import ModelSourceKind

if TYPE_CHECKING:
    from softprompt_compiler.trained_prompt import TrainedPrompt


@dataclass(frozen=True, kw_only=True)
class ResolvedSpec:
    """What the checks see. Reading a field that is at fault raises DamagedFieldError."""

    tree: Tree
    spec: Spec
    templates: Mapping[str, Template]  # by task
    found: Mapping[DataPath, tuple[Path, ...]]  # the data files that are there
    model: ModelFiles
    soft_prompts: "Mapping[str, TrainedPrompt]"  # by the key that names them

    @property
    def model_kind(self) -> ModelSourceKind:
        """What `model.source` names. Raises DamagedFieldError if it names nothing."""
        if self.model.kind is None:
            raise DamagedFieldError("source")
        return self.model.kind

    @property
    def model_facts(self) -> ModelFacts:
        """The base model's numbers. Raises DamagedFieldError if they are not known."""
        if self.model.facts is None:
            raise DamagedFieldError("source")
        return self.model.facts

    def soft_prompt(self, key: str) -> "TrainedPrompt":
        """The trained soft prompt under a key. Raises DamagedFieldError if it was not found."""
        if key not in self.soft_prompts:
            raise DamagedFieldError(key)
        return self.soft_prompts[key]

    def template(self, task: str) -> Template:
        """A task's template. Raises DamagedFieldError if it did not bind."""
        if task not in self.templates:
            raise DamagedFieldError("prompt_template")
        return self.templates[task]

    def place(self, *path: str | int) -> Span:
        """Where a value stands; if it is left to its default, the nearest key above it."""
        node = self.tree.find(path)
        if node is None or node.span.start == node.span.end:
            return self.tree.nearest(path).key_span
        return node.span

    def is_given(self, *path: str | int) -> bool:
        """Whether the spec itself says the value."""
        return self.tree.find(path) is not None
