"""The command line as a whole: exit codes, streams, bugs, imports."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from softprompt_compiler.cli import validate
from softprompt_compiler.cli.app import COMMANDS, command_line
from tests.compiler.command_line import SPEC, call, environment, spawn, work_in


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def test_the_commands_and_their_options_are_these() -> None:
    """A change of the surface is a decision: this list is its record."""
    group = typer.main.get_command(command_line(COMMANDS))
    surface = {
        name: sorted(option for each in command.params for option in each.opts if "-" in option)
        for name, command in group.commands.items()  # type: ignore[attr-defined]
    }
    common = ["--color", "--out", "--runs", "--set"]

    assert surface == {
        "init": [],
        "validate": sorted(
            [
                *["--color", "--diff", "--fix", "--no-data", "--output-format", "--set"],
                *["--locked", "--strict", "-o"],
            ]
        ),
        "preview": sorted(
            ["--color", "--output-format", "--row", "--rows", "--set", "--split", "--task", "-o"]
        ),
        "compile": sorted(
            [
                *["--check", "--color", "--no-data", "--out", "--output-format", "--set"],
                *["--locked", "--strict", "-o"],
            ]
        ),
        "run": sorted([*common, "--locked", "--no-data", "--smoke", "--strict"]),
        "evaluate": common,
        "predict": sorted([*common, "--output", "--task"]),
        "doctor": ["--color", "--output-format", "--runs", "-o"],
        "lock": ["--all-weights", "--color", "--set"],
        "plan": ["--color", "--gpu", "--no-data", "--output-format", "--set", "-o"],
        "fmt": ["--check", "--color", "--diff"],
        "diff": ["--color", "--output-format", "--scripts", "--set", "-o"],
        "test": [
            "--color",
            "--compiler-only",
            "--examples",
            "--only",
            "--output-format",
            "--seed",
            "--set",
            "--skip",
            "-o",
        ],
        "explain": [],
        "schema": ["--report"],
    }


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["vaildate"],
        ["validate"],
        ["validate", "spec.yaml", "--nope"],
        ["validate", "spec.yaml", "-o", "xml"],
        ["preview", "spec.yaml", "--split", "dev"],
        ["preview", "spec.yaml", "--rows", "0"],
        ["preview", "spec.yaml", "--rows", "some"],
        ["preview", "spec.yaml", "--row", "first"],
        ["preview", "spec.yaml", "--row", "0"],
        ["preview", "spec.yaml", "--task", "none"],
        ["compile", "spec.yaml", "extra"],
        ["explain", "SP9999"],
        ["explain", "training.max_epoch"],
    ],
)
def test_wrong_usage_is_2(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, *arguments)

    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err


def test_a_slip_in_a_command_is_told_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert "validate" in call(capsys, "vaildate").err


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    outcome = call(capsys, "--version")

    assert outcome.code == 0
    assert outcome.out.startswith("softprompt ")


def test_a_bug_is_told_without_a_traceback(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_name: str) -> None:
        raise ZeroDivisionError("one\ntwo\x1b[31m")

    monkeypatch.setattr(validate, "read_spec", fail)
    outcome = call(capsys, "validate", "spec.yaml", "--set", "a=b c")

    assert outcome.code == 2
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert "\x1b" not in outcome.err
    assert "error[SP0901]: this is a bug in softprompt: ZeroDivisionError: one␊two" in outcome.err
    assert "note: spec validate spec.yaml --set 'a=b c'" in outcome.err
    log = Path(outcome.err.split("the traceback is in ")[1].splitlines()[0])
    assert "Traceback" in log.read_text("utf-8")
    log.unlink()


def test_an_interrupt_is_130(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_name: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(validate, "read_spec", interrupt)

    assert call(capsys, "validate", "spec.yaml").code == 130


def test_a_reader_that_leaves_early_is_no_bug(folder: Path) -> None:
    command = f'"{sys.executable}" -m softprompt_compiler schema | head -c 1'
    done = subprocess.run(
        ["bash", "-c", command], env=environment(), capture_output=True, timeout=60, check=False
    )

    assert done.stdout == b"{"
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_under_the_output_is_no_bug(folder: Path) -> None:
    command = f'"{sys.executable}" -m softprompt_compiler schema > /dev/full'
    done = subprocess.run(
        ["bash", "-c", command], env=environment(), capture_output=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert done.stderr == b"error: the output cannot be written: No space left on device\n"


def test_any_character_can_be_printed_on_any_terminal(folder: Path) -> None:
    (folder / "spec.yaml").write_text("名前: é\n" + SPEC, "utf-8")
    outcome = spawn(folder, "validate", "spec.yaml", "--no-data", PYTHONIOENCODING="ascii")

    assert outcome.code == 1
    assert "\\u540d\\u524d" in outcome.err


_HEAVY = {"torch", "transformers", "pytorch_lightning", "softprompt_runtime", "numpy"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["validate", "spec.yaml", "--no-data"],
        ["validate", "spec.yaml", "-o", "json"],
        ["preview", "spec.yaml"],
        ["preview", "spec.yaml", "-o", "html"],
        ["compile", "spec.yaml", "--out", "out"],
        ["diff", "spec.yaml", "spec.yaml"],
        ["fmt", "spec.yaml"],
        ["lock", "spec.yaml"],
        ["explain", "training.max_epochs"],
        ["schema"],
    ],
)
def test_no_command_of_the_compiler_imports_torch_or_rich(
    arguments: list[str], folder: Path
) -> None:
    _assert_does_not_import(_HEAVY | {"rich"}, arguments)


def test_a_table_of_rows_needs_rich_and_no_torch(folder: Path) -> None:
    _assert_does_not_import(_HEAVY, ["validate", "spec.yaml"])


def test_a_plan_of_memory_needs_no_torch(folder: Path) -> None:
    _assert_does_not_import(_HEAVY, ["plan", "spec.yaml"])


def _assert_does_not_import(names: set[str], arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from softprompt_compiler.cli.app import run\n"
        f"code = run({arguments!r})\n"
        f"sys.exit(code or sorted({names!r} & set(sys.modules)) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()[-500:]


def test_validating_a_spec_without_its_data_loads_no_template_engine_and_no_tokenizer(
    folder: Path,
) -> None:
    program = (
        "import sys\n"
        "from softprompt_compiler.cli.app import run\n"
        "code = run(['validate', 'spec.yaml', '--no-data'])\n"
        "sys.exit(code or sorted({'jinja2', 'tokenizers'} & set(sys.modules)) or None)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment(),
        capture_output=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr.decode()[-500:]


@pytest.mark.parametrize(
    ("words", "closed", "code"),
    [
        ("validate spec.yaml --no-data -o json", ">&-", 0),
        ("validate spec.yaml --no-data", "<&- >&- 2>&-", 0),
        ("validate -", "<&-", 1),
        ("fmt -", "<&-", 1),
    ],
)
def test_a_closed_stream_is_no_bug(folder: Path, words: str, closed: str, code: int) -> None:
    """As daemons and `<&-` leave it: Python has no stream there at all."""
    line = f'"$0" -m softprompt_compiler {words} {closed}'
    ended = subprocess.run(
        ["bash", "-c", line, sys.executable], capture_output=True, check=False, cwd=folder
    )

    assert ended.returncode == code
    assert b"SP0901" not in ended.stderr


def test_the_list_of_commands_says_each_to_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    lines = call(capsys, "-h").out.partition("Commands:")[2].split("\n")

    assert [line for line in lines if line.endswith("...")] == []
