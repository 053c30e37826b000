"""The files of a launch target, emitted for the folder that `make_world` writes."""

from pathlib import Path

from softprompt_compiler.emit import Origin, emit
from softprompt_plan.plan import Plan
from tests.compiler.specs import check, spec, task

ORIGIN = Origin(spec_name="mood.yaml", spec_digest="0" * 64, spec_folder="..")
_BOTH = "data: {train: data/train.jsonl, test: data/test.jsonl}"


def launch_plan(sections: str, folder: Path) -> Plan:
    """The plan of a small spec with test rows and these sections."""
    text = spec(sections, tasks=task("answer_field: mood", _BOTH))
    checked = check(text, folder)
    assert checked.plan is not None, checked.diagnostics
    return checked.plan


def is_of_launch(name: str) -> bool:
    """Whether a file starts the run."""
    return name.endswith((".sh", ".sbatch", ".yaml", ".yml"))


def launch_files(text: str, folder: Path) -> dict[str, str]:
    """What a spec's text is compiled to, of the files that start the run."""
    checked = check(text, folder)
    assert checked.plan is not None, checked.diagnostics
    files = emit(checked.plan, ORIGIN)
    return {name: content for name, content in files.items() if is_of_launch(name)}
