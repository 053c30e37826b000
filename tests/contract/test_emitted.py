"""What is emitted runs as it is: every spec's scripts, two steps on a tiny model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from softprompt_compiler.pipeline import compile_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from softprompt_plan.serialize import from_json, result_digest
from tests.tiny_model_folder import write_tiny_model

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").glob("*.yaml"))
STAND_IN = str(ROOT / "tests" / "data" / "stand_in")
SETTINGS = (
    "model.max_seq_length=192",
    "training.max_steps=2",
    "training.global_batch_size=2",
    "training.micro_batch_size=2",
    "training.val_check_interval=1",
    "training.optim.sched.warmup_steps=1",
    "inference.tokens_to_generate=4",
    "launch.environment={OMP_NUM_THREADS: '1'}",
)


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    write_tiny_model(folder, max_position_embeddings=192)
    return folder


def _compile(path: Path, out: Path, model: Path) -> None:
    """Emit a spec into `out`, its model a tiny one and its run two steps long."""
    world = LocalWorld(spec_folder=path.parent, environment={"SOFTPROMPT_DATA": STAND_IN})
    source = SourceFile(name=path.name, text=path.read_text("utf-8"))
    settings = [f"model.source={model}", *SETTINGS]
    relative = os.path.relpath(path.parent, out)
    compiled = compile_spec(source, settings, world, spec_folder=relative)
    assert compiled.files is not None, compiled.diagnostics
    out.mkdir()
    for name, text in compiled.files.items():
        (out / name).write_text(text, "utf-8")


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "SOFTPROMPT_DATA": STAND_IN,
        "SOFTPROMPT_CACHE": str(folder / "cache"),
        "SOFTPROMPT_RUNS": str(folder / "runs"),
        "PYTHON": sys.executable,
        "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("compiler", "runtime")),
    }
    return subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_a_spec_trains_and_evaluates_through_its_launch_script(
    path: Path, tmp_path: Path, tiny_model: Path
) -> None:
    out = tmp_path / "build"
    _compile(path, out, tiny_model)

    run = _run(["bash", str(out / "launch.sh")], tmp_path)

    assert run.returncode == 0, run.stdout + run.stderr
    plan = from_json((out / "plan.json").read_text("utf-8"))
    folder = tmp_path / "runs" / plan.name
    meta = json.loads((folder / "soft_prompt" / "soft_prompt.json").read_text("utf-8"))
    assert meta["plan_digest"] == result_digest(plan)
    assert {task["name"] for task in meta["tasks"]} == {task.name for task in plan.tasks}
    predictions = (folder / "predictions.jsonl").read_text("utf-8").splitlines()
    assert {json.loads(line)["task"] for line in predictions} == {task.name for task in plan.tasks}
    assert (folder / "metrics.json").is_file()


@pytest.mark.slow
def test_a_training_script_runs_on_its_own(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "build"
    _compile(SPECS[0], out, tiny_model)

    run = _run([sys.executable, str(out / "train.py")], tmp_path)

    assert run.returncode == 0, run.stdout + run.stderr
    assert list((tmp_path / "runs").glob("*/soft_prompt/soft_prompt.safetensors"))


@pytest.mark.slow
def test_emitted_scripts_pass_the_type_checker(tmp_path: Path, tiny_model: Path) -> None:
    out = tmp_path / "build"
    _compile(SPECS[0], out, tiny_model)
    config = {
        "extraPaths": [str(ROOT / part) for part in ("compiler", "runtime")],
        "include": ["build"],
        "typeCheckingMode": "standard",
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), "utf-8")
    pyright = Path(sys.executable).parent / "pyright"

    run = subprocess.run(
        [str(pyright), "--pythonpath", sys.executable, "-p", str(tmp_path)],
        capture_output=True,
        text=True,
    )

    assert run.returncode == 0, run.stdout
