"""The hooks that `.pre-commit-hooks.yaml` offers to other repositories."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compiler.command_line import ROOT, SPEC, spawn
from tests.compiler.page_world import make_world

HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
WRONG = SPEC.replace("max_steps: 2", "max_steps: '2'")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_world(tmp_path)
    (tmp_path / "right.yaml").write_text(SPEC, "utf-8")
    (tmp_path / "wrong.yaml").write_text(WRONG, "utf-8")
    return tmp_path


def run(hook: dict[str, Any], folder: Path, *files: str) -> int:
    """As pre-commit runs it: entry, args, then the files that changed."""
    program, *arguments = shlex.split(hook["entry"])
    assert program == "spec"
    return spawn(folder, *arguments, *hook.get("args", []), *files).code


def test_a_hook_has_what_pre_commit_wants() -> None:
    assert [hook["id"] for hook in HOOKS] == ["spec-validate", "spec-fix", "spec-fmt"]
    for hook in HOOKS:
        assert {"id", "name", "entry", "language"} <= set(hook)
        assert (hook["language"], hook["types"]) == ("python", ["yaml"])
        assert hook["require_serial"] is True  # one report on all files


def test_the_command_is_installed_with_the_package() -> None:
    assert 'spec = "softprompt_compiler.cli:main"' in (ROOT / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_by_default_files_in_a_folder_of_specs_are_checked(hook: dict[str, Any]) -> None:
    chosen = [
        name
        for name in ("specs/a.yaml", "team/specs/b/c.yml", "deploy.yaml", "myspecs/a.yaml")
        if re.search(hook["files"], name)
    ]
    assert chosen == ["specs/a.yaml", "team/specs/b/c.yml"]


def test_validate_passes_and_fails(folder: Path) -> None:
    assert run(HOOKS[0], folder, "right.yaml") == 0
    assert run(HOOKS[0], folder, "right.yaml", "wrong.yaml") == 1
    assert (folder / "wrong.yaml").read_text("utf-8") == WRONG


def test_fix_changes_the_file_which_pre_commit_takes_for_a_failure(folder: Path) -> None:
    assert run(HOOKS[1], folder, "wrong.yaml", "right.yaml") == 0
    assert (folder / "wrong.yaml").read_text("utf-8") == SPEC


def test_fmt_changes_the_file_too_and_leaves_one_that_is_formatted(folder: Path) -> None:
    (folder / "wrong.yaml").write_text(SPEC.replace("name: mood", "name:   mood"), "utf-8")

    assert run(HOOKS[2], folder, "wrong.yaml", "right.yaml") == 0
    assert (folder / "wrong.yaml").read_text("utf-8") == SPEC
    assert (folder / "right.yaml").read_text("utf-8") == SPEC
