"""Plan -> {file name: text}. Total and deterministic: no clock, no absolute path, no set order.

A template says what stands where; a value gets into it through one of `FILTERS` only. Jinja's
`finalize` refuses everything else, so that no value reaches Python or a shell unquoted.
"""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from softprompt_compiler import __version__
from softprompt_compiler.emit_launch import launch_values
from softprompt_compiler.emit_yaml import yaml_files
from softprompt_compiler.python_source import classes_in, python_source
from softprompt_plan.plan import PLAN_FORMAT, Plan
from softprompt_plan.serialize import to_json
from softprompt_plan.vocabulary import LaunchTarget

if TYPE_CHECKING:
    from jinja2 import Environment

SCRIPTS = ("experiment.py", "train.py", "evaluate.py", "launch.sh")


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a plan comes from, as the emitted files' headers say it.

    settings: the texts of `--set`. spec_folder: from the folder of the emitted files to the spec's,
    with forward slashes.
    """

    spec_name: str
    spec_digest: str
    spec_folder: str
    settings: tuple[str, ...] = ()


class Sanctioned(str):
    """Source text that came out of a filter."""

    __slots__ = ()


def emit(plan: Plan, origin: Origin) -> dict[str, str]:
    """The scripts of a plan and its JSON; the same plan and origin give the same bytes."""
    values = {
        "plan": plan,
        "imports": _import_lines(plan),
        **launch_values(plan),
        "has_test": any(task.data.test for task in plan.tasks),
        "version": __version__,
        "plan_format": PLAN_FORMAT,
        "spec_name": origin.spec_name,
        "spec_digest": origin.spec_digest,
        "spec_folder": origin.spec_folder,
        "settings": origin.settings,
    }

    def render(template: str) -> str:
        return templates().get_template(template).render(values)

    files = {name: render(f"{name}.j2") for name in SCRIPTS}
    if plan.launch.target is LaunchTarget.SLURM:
        files[f"{plan.name}.sbatch"] = render("slurm.sbatch.j2")
    files |= yaml_files(plan, origin.spec_name, header=render("header.j2"))
    return {**files, "plan.json": to_json(plan)}


def _import_lines(plan: Plan) -> list[str]:
    """Imports of the classes that the plan's source names, sorted as a formatter would."""
    modules: dict[str, set[str]] = {}
    for used in classes_in(plan):
        modules.setdefault(used.__module__, set()).add(used.__name__)
    lines: list[str] = []
    for module in sorted(modules):
        names = (f"    {name}," for name in sorted(modules[module]))
        lines += [f"from {module} import (", *names, ")"]
    return lines


def _source(line: str) -> Sanctioned:
    """A line of Python that this module wrote itself."""
    return Sanctioned(line)


def _python(value: Any) -> Sanctioned:
    return Sanctioned(python_source(value))


def _shell(text: str) -> Sanctioned:
    return Sanctioned(shlex.quote(text))


def _shell_line(line: str) -> Sanctioned:
    """A line that the spec's author wrote as shell; the only text that is not quoted."""
    return Sanctioned(line)


def _number(value: int) -> Sanctioned:
    return Sanctioned(f"{value:d}")


def _numbers(values: tuple[int, ...]) -> Sanctioned:
    return Sanctioned(" ".join(f"{value:d}" for value in values))


def _secret(name: str) -> Sanctioned:
    """An assignment that ends the script where the variable is not set."""
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a variable")
    return Sanctioned(f'{name}="${{{name}:?is a secret of this run, and not set}}"')


def _directive(option: str) -> Sanctioned:
    """An option behind `#SBATCH`, where nothing can be quoted: SLURM reads words."""
    if not _DIRECTIVE.fullmatch(option):
        raise ValueError(f"{option!r} is no option of sbatch")
    return Sanctioned(option)


def _comment(value: str | int) -> Sanctioned:
    """Text inside a comment: `repr` leaves no line break in it."""
    return Sanctioned(value if isinstance(value, int) else repr(value)[1:-1])


_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DIRECTIVE = re.compile(r"--[a-z-]+(=[A-Za-z0-9_.,:@%+-]+)?")

FILTERS: dict[str, Callable[[Any], Sanctioned]] = {
    "source": _source,
    "python": _python,
    "shell": _shell,
    "shell_line": _shell_line,
    "comment": _comment,
    "number": _number,
    "numbers": _numbers,
    "secret": _secret,
    "directive": _directive,
}


def _only_sanctioned(value: object) -> object:
    if not isinstance(value, Sanctioned):
        raise TypeError(f"a template shows {value!r}, which no filter has quoted")
    return value


@cache
def templates() -> "Environment":
    """Jinja's environment of the emitted files: strict, and blind to what no filter gave."""
    from importlib.resources import files

    from jinja2 import Environment, FunctionLoader, StrictUndefined

    folder = files("softprompt_templates")
    # Neither Python nor shell is HTML: escaping for it would break the text that we quote.
    environment = Environment(  # noqa: S701
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        undefined=StrictUndefined,
        finalize=_only_sanctioned,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.clear()
    environment.filters.update(cast("dict[str, Any]", FILTERS))
    return environment
