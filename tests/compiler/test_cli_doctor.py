"""`spec doctor`: its lines, its exit codes, and what it says of a machine that lacks something."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from softprompt_compiler.doctor import machine, packages, runtime
from softprompt_compiler.doctor.finding import Finding, Health
from tests.compiler.command_line import call, spawn, work_in

SCHEMA = {
    "type": "object",
    "properties": {
        "format_version": {"const": "1.0"},
        "healthy": {"type": "boolean"},
        "findings": {
            "type": "array",
            "minItems": 10,
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "health": {"enum": ["ok", "warning", "problem"]},
                    "detail": {"type": "string", "minLength": 1},
                    "help": {"type": "string"},
                },
                "minProperties": 4,
                "additionalProperties": False,
            },
        },
    },
    "minProperties": 3,
    "additionalProperties": False,
}
ANSWER: dict[str, Any] = {
    "torch": "2.13.0+cpu",
    "cuda": None,
    "threads": 2,
    "backends": ["gloo"],
    "gpus": [],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTPROMPT_CACHE", str(tmp_path / "cache" / "deep"))
    answer(monkeypatch, json.dumps(ANSWER))
    return work_in(tmp_path, monkeypatch)


def answer(monkeypatch: pytest.MonkeyPatch, out: str, err: str = "", code: int = 0) -> None:
    """What the runtime's process says."""

    def run(command: list[str], **_options: object) -> Any:
        assert command == [sys.executable, "-m", "softprompt_runtime.doctor"]
        return SimpleNamespace(stdout=out.encode(), stderr=err.encode(), returncode=code)

    monkeypatch.setattr(runtime, "subprocess", SimpleNamespace(run=run, **_NAMES))


_NAMES = {"DEVNULL": subprocess.DEVNULL, "TimeoutExpired": subprocess.TimeoutExpired}


def pretend(monkeypatch: pytest.MonkeyPatch, package: str, version: str | None) -> None:
    """A package is of this version, or not installed."""
    real = importlib.metadata.version

    def lookup(name: str) -> str:
        if name == package and version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version if name == package and version else real(name)

    monkeypatch.setattr(packages, "version", lookup)


def _same(value: object, _path: object) -> object:
    return value


def by_name(findings: Any) -> dict[str, Finding]:
    return {finding.name: finding for finding in findings}


def test_every_line_is_there_for_people_and_for_tools(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    human = call(capsys, "doctor", "--runs", "mine")
    tools = call(capsys, "doctor", "-o", "json")
    value = json.loads(tools.out)

    jsonschema.validate(value, SCHEMA)
    assert (human.code, human.err) == (0, "")
    assert value["healthy"] is True
    for finding in value["findings"]:
        assert f"{finding['name']:<14} " in human.out
        assert (finding["help"] == "") is (finding["health"] == "ok")
    names = [finding["name"] for finding in value["findings"]]
    assert {"python", "packages", "torch", "gpu", "memory", "runs", "cache", "hub"} <= set(names)
    assert not (folder / "cache").exists()
    assert not (folder / "mine").exists()


def test_a_problem_is_exit_code_1_and_says_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "taken").write_text("")
    outcome = call(capsys, "doctor", "--runs", "taken/runs")

    assert outcome.code == 1
    line = next(line for line in outcome.out.splitlines() if line[9:].startswith("runs "))
    assert line.startswith("problem")
    assert "cannot be written: Not a directory" in line
    assert "help: name another folder with --runs or SOFTPROMPT_RUNS" in outcome.out


@pytest.mark.parametrize(
    ("out", "err", "code", "said"),
    [
        ("", "Traceback\nImportError: libcudart.so", 1, "ImportError: libcudart.so"),
        ("", "", -11, "exit code -11"),
        ("no json", "", 0, "exit code 0"),
        ("[1]", "", 0, "exit code 0"),
    ],
)
def test_a_runtime_that_cannot_be_imported_is_a_problem(
    out: str,
    err: str,
    code: int,
    said: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answer(monkeypatch, out, err, code)
    (found,) = runtime.check_torch(os.environ)

    assert found.health is Health.PROBLEM
    assert said in found.detail


def test_gpus_are_named_and_a_hidden_one_is_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpus = [{"name": "H100", "gib": 79.6, "bf16": True}]
    answer(monkeypatch, "a line of a library\n" + json.dumps(ANSWER | {"gpus": gpus}))
    assert by_name(runtime.check_torch(os.environ))["gpu"].detail == "H100 80 GiB"

    answer(monkeypatch, json.dumps(ANSWER))
    monkeypatch.setattr(runtime, "_NVIDIA", folder)
    assert by_name(runtime.check_torch(os.environ))["gpu"].health is Health.WARNING


def test_without_the_runtime_nothing_is_started_and_the_packages_say_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "missing_packages", lambda: ["torch"])
    pretend(monkeypatch, "torch", None)

    assert list(runtime.check_torch(os.environ)) == []
    found = by_name(packages.check_packages())
    assert found["packages"].health is not Health.PROBLEM
    assert found["runtime"].health is Health.WARNING
    assert "[runtime]" in found["runtime"].help


@pytest.mark.parametrize(
    ("version", "health"),
    [(None, Health.PROBLEM), ("0.1", Health.PROBLEM), ("99.0", Health.WARNING)],
)
def test_versions_are_held_against_the_declared_and_the_tested_ones(
    version: str | None, health: Health, monkeypatch: pytest.MonkeyPatch
) -> None:
    pretend(monkeypatch, "pydantic", version)
    found = by_name(packages.check_packages())["packages"]

    assert found.health is health
    assert "pydantic" in found.detail


def test_room_and_limits_are_judged(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, health in [(1 << 28, "problem"), (1 << 30, "warning"), (1 << 40, "ok")]:
        usage = SimpleNamespace(free=free, total=free)
        monkeypatch.setattr(shutil, "disk_usage", partial(_same, usage))
        found = by_name(machine.check_folders(os.environ, folder / "runs"))
        assert {each.health for each in found.values()} == {health}
        shared = by_name(machine.check_limits())["shared memory"].health
        assert (shared is Health.WARNING) is (health == "problem")


def test_no_token_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    outcome = call(capsys, "doctor")

    assert "offline by HF_HUB_OFFLINE" in outcome.out
    assert "; a token is set" in outcome.out
    assert "secret" not in outcome.out


def test_a_home_that_is_none_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = by_name(machine.check_folders({"SOFTPROMPT_CACHE": "~nobody-at-all/x"}, tmp_path))

    assert found["cache"].health is Health.PROBLEM


@pytest.mark.slow
def test_the_real_runtime_answers(tmp_path: Path) -> None:
    outcome = spawn(tmp_path, "doctor", "-o", "json", SOFTPROMPT_CACHE=str(tmp_path))
    value = json.loads(outcome.out)

    jsonschema.validate(value, SCHEMA)
    (torch,) = [each for each in value["findings"] if each["name"] == "torch"]
    assert torch["health"] == "ok"
    assert "gloo" in torch["detail"]
