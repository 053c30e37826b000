"""One spec for each launch target, with the files that start it, byte for byte, and their judges.

`--update-golden` rewrites the files. Every judge is a tool of somebody else's.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from jsonschema import Draft7Validator
from kubeflow_trainer_api.models.trainer_v1alpha1_train_job import TrainerV1alpha1TrainJob

from tests.compiler.launch_files import launch_files

FOLDER = Path(__file__).parents[1] / "golden" / "launch"
TARGETS = sorted(folder.name for folder in FOLDER.iterdir() if folder.is_dir())
SPEC = "mood.yaml"
SCRIPTS = sorted(path for path in FOLDER.glob("*/*") if path.suffix in (".sh", ".sbatch"))
TOOLS = Path(sys.executable).parent
SKY_SCHEMA = Path(__file__).parents[1] / "data" / "sky_task.schema.json"


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _tool(name: str, *arguments: str | Path) -> None:
    tool = next(found for at in TOOL_FOLDERS if (found := at / name).exists())
    done = subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


TOOL_FOLDERS = [
    TOOLS,
    *(Path(entry).parents[2] / "bin" for entry in sys.path if "site-packages" in entry),
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_s_files_are_the_golden_ones(
    target: str, world_folder: Path, *, update_golden: bool
) -> None:
    folder = FOLDER / target
    files = launch_files((folder / SPEC).read_text("utf-8"), world_folder)
    if update_golden:
        for name, text in files.items():
            (folder / name).write_text(text, "utf-8")

    there = {path.name: path.read_text("utf-8") for path in folder.iterdir() if path.name != SPEC}
    assert files == there


@pytest.mark.parametrize("path", SCRIPTS, ids=_name)
def test_a_script_is_sound_bash(path: Path) -> None:
    subprocess.run(["bash", "-n", path], check=True)
    _tool("shellcheck", "--shell=bash", path)


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*")), ids=_name)
def test_a_file_is_one_page(path: Path) -> None:
    assert 10 <= len(path.read_text("utf-8").splitlines()) <= 70


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/*.sbatch")), ids=_name)
def test_sbatch_s_options_stand_before_the_first_command(path: Path) -> None:
    """SLURM passes over those that come later, without a word."""
    lines = path.read_text("utf-8").splitlines()
    first = next(at for at, line in enumerate(lines) if line and not line.startswith("#"))

    assert any(line.startswith("#SBATCH ") for line in lines[:first])
    assert not any(line.lstrip().startswith("#SBATCH") for line in lines[first:])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("kubernetes/trainjob*.yaml")), ids=_name)
def test_a_train_job_fits_its_types_and_loses_nothing_in_them(path: Path) -> None:
    """The types drop what they do not know; so what goes in has to come out."""
    job = yaml.safe_load(path.read_text("utf-8"))
    read = TrainerV1alpha1TrainJob.from_dict(job)

    assert read is not None
    assert read.to_dict() == job


def test_a_sky_task_fits_its_schema() -> None:
    schema: Any = json.loads(SKY_SCHEMA.read_text("utf-8"))
    task = yaml.safe_load((FOLDER / "skypilot" / "sky.yaml").read_text("utf-8"))

    Draft7Validator(schema).validate(task)
    for damaged in ({**task, "num_node": 2}, {**task, "resources": {"accelerator": "H100:8"}}):
        assert list(Draft7Validator(schema).iter_errors(cast("Any", damaged)))


def test_the_workflow_is_sound() -> None:
    path = FOLDER / "local" / "ci.yml"

    _tool("actionlint", "-shellcheck=", path)
    _tool("check-jsonschema", "--builtin-schema", "vendor.github-workflows", path)
