"""The trained soft prompts that a spec builds on. Most specs build on none."""

from collections.abc import Iterator
from contextlib import suppress

from softprompt_compiler.spec.section import DamagedFieldError
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.tree import Path


def soft_prompt_paths(spec: Spec) -> Iterator[tuple[str, Path, str]]:
    """Key, place and text of each path to a trained soft prompt that bound."""
    with suppress(DamagedFieldError):
        restore = spec.prompt_learning.restore_path
        if restore is not None:
            yield "restore_path", ("prompt_learning", "restore_path"), restore
    with suppress(DamagedFieldError):
        start = spec.prompt_learning.init.path
        if start is not None:
            yield "init.path", ("prompt_learning", "init", "path"), start
