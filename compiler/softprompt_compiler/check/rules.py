"""All checks, and the one place that runs them."""

from collections.abc import Callable, Iterator
from contextlib import suppress

from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.spec.section import DamagedFieldError

SpecCheck = Callable[[ResolvedSpec], Iterator[Diagnostic]]
TaskCheck = Callable[[ResolvedSpec, str], Iterator[Diagnostic]]

SPEC_CHECKS: tuple[SpecCheck, ...] = ()
TASK_CHECKS: tuple[TaskCheck, ...] = ()  # each runs once a task


def check(resolved: ResolvedSpec) -> list[Diagnostic]:
    """What all checks find. A check that needs a field at fault is silent about the rest."""
    found: list[Diagnostic] = []
    for spec_check in SPEC_CHECKS:
        _collect(spec_check(resolved), found)
    for task in _task_names(resolved):
        for task_check in TASK_CHECKS:
            _collect(task_check(resolved, task), found)
    return found


def _collect(findings: Iterator[Diagnostic], found: list[Diagnostic]) -> None:
    with suppress(DamagedFieldError):
        found.extend(findings)


def _task_names(resolved: ResolvedSpec) -> list[str]:
    try:
        return list(resolved.spec.tasks)
    except DamagedFieldError:
        return []
