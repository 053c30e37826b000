"""The wheel, not the checkout, is what users get: it is built, installed elsewhere, and used."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.tiny_model_folder import write_tiny_model

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {
    "softprompt_plan",
    "softprompt_compiler",
    "softprompt_runtime",
    "softprompt_templates",
}
SPEC = """\
version: 1
name: colours
model: {source: model, max_seq_length: 64}
tasks:
  colour:
    prompt_template: "<|VIRTUAL_PROMPT_0|> {thing} is{colour}"
    total_virtual_tokens: 3
    answer_field: colour
    data: {train: train.jsonl, validation: validation.jsonl, test: test.jsonl}
    metrics: [accuracy]
training: {max_steps: 2, global_batch_size: 2, micro_batch_size: 1}
parallelism: {accelerator: cpu}
inference: {tokens_to_generate: 2}
"""
ROWS = {
    "train.jsonl": {"snow": " white", "coal": " black", "grass": " green", "blood": " red"},
    "validation.jsonl": {"milk": " white", "a crow": " black"},
    "test.jsonl": {"moss": " green", "chalk": " white", "soot": " black"},
}

pytestmark = pytest.mark.slow


def run(*command: str | Path, folder: Path, **environment: str) -> str:
    """Standard output of a command that must succeed; the checkout is out of its sight."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a release builds it: an sdist first, then the wheel from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, folder=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def light_python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an empty environment that holds the wheel without extras."""
    folder = tmp_path_factory.mktemp("light") / "venv"
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    run(python, "-m", "pip", "install", "-q", "-c", constraints, wheel, folder=folder)
    return python


@pytest.fixture
def spec_folder(tmp_path: Path) -> Path:
    """A folder far from the checkout with a spec, its rows and its model."""
    folder = tmp_path / "my task"
    folder.mkdir()
    (folder / "colours.yaml").write_text(SPEC, "utf-8")
    for name, things in ROWS.items():
        rows = [{"thing": thing, "colour": colour} for thing, colour in things.items()]
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    write_tiny_model(folder / "model")
    return folder


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/", 1)[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_the_wheel_holds_every_file_of_the_packages_and_the_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    tracked = run("git", "ls-files", "compiler", "runtime", "templates", folder=ROOT).splitlines()
    assert {name.split("/", 1)[1] for name in tracked} <= packed
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in packed)


def test_the_compiler_half_installs_without_torch(light_python: Path, tmp_path: Path) -> None:
    listed = run(light_python, "-m", "pip", "list", "--format", "json", folder=tmp_path)
    names = {package["name"].lower() for package in json.loads(listed)}
    assert "softprompt" in names
    heavy = {"torch", "transformers", "pytorch-lightning", "numpy", "safetensors"}
    assert not names & {*heavy, "pyarrow", "datasets"}


def test_the_compiler_half_works_alone(light_python: Path, spec_folder: Path) -> None:
    spec = light_python.parent / "spec"
    elsewhere = spec_folder.parent
    target = spec_folder / "colours.yaml"
    assert "softprompt" in run(spec, "--version", folder=elsewhere)
    assert run(spec, "validate", target, folder=elsewhere).endswith(f"\n{target}: sound\n")
    run(spec, "compile", target, "--out", elsewhere / "compiled", folder=elsewhere)
    run(spec, "compile", target, "--out", elsewhere / "compiled", "--check", folder=elsewhere)
    emitted = {path.name for path in (elsewhere / "compiled").iterdir()}
    expected = {"experiment.py", "train.py", "evaluate.py", "launch.sh", "plan.json"}
    assert emitted == expected | {"manifest.json"}
    assert "max_steps" in run(spec, "explain", "training.max_steps", folder=elsewhere)
    assert json.loads(run(spec, "schema", folder=elsewhere))["type"] == "object"


def test_what_init_writes_is_in_the_wheel(light_python: Path, tmp_path: Path) -> None:
    spec = light_python.parent / "spec"
    run(spec, "init", "fresh", folder=tmp_path)
    assert list((tmp_path / "fresh").rglob("*.yaml"))
    assert list((tmp_path / "fresh").rglob("*.jsonl"))


def test_run_without_the_runtime_says_what_to_install(
    light_python: Path, spec_folder: Path
) -> None:
    done = subprocess.run(
        [light_python.parent / "spec", "run", spec_folder / "colours.yaml"],
        cwd=spec_folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "softprompt[runtime]" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_installed_wheel_trains_from_any_folder(
    wheel: Path, spec_folder: Path, tmp_path: Path
) -> None:
    # The wheel's files stand before the checkout's; only the dependencies are this environment's.
    installed, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    pip = (sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", installed)
    run(*pip, wheel, folder=elsewhere)
    python = {"PYTHONPATH": str(installed), "OMP_NUM_THREADS": "1"}
    where = "import softprompt_runtime, softprompt_compiler as c; print(c.__file__)"
    assert run(sys.executable, "-c", where, folder=elsewhere, **python).startswith(str(installed))

    command = (sys.executable, "-m", "softprompt_compiler", "run", spec_folder / "colours.yaml")
    run(*command, folder=elsewhere, SOFTPROMPT_CACHE=str(tmp_path / "cache"), **python)

    left = elsewhere / "runs" / "colours"
    assert (left / "soft_prompt" / "soft_prompt.safetensors").is_file()
    assert len((left / "predictions.txt").read_text("utf-8").splitlines()) == 3
    assert json.loads((left / "metrics.json").read_text("utf-8"))
    shutil.rmtree(spec_folder / "model")
    assert {path.name for path in spec_folder.iterdir()} == {"colours.yaml", *ROWS}
