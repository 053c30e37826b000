import errno
import subprocess
import sys
from pathlib import Path

import pytest

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import RUNS_VARIABLE, open_run, opened_folder
from softprompt_runtime.script import run_script
from softprompt_runtime.stopping import RunStopped
from tests.runtime.plans import tiny_plan


def raising(error: BaseException) -> None:
    def main() -> None:
        raise error

    run_script(main)


def exit_of(error: BaseException) -> int:
    with pytest.raises(SystemExit) as end:
        raising(error)
    assert isinstance(end.value.code, int)
    return end.value.code


def test_a_script_that_returns_goes_on() -> None:
    run_script(lambda: None)


def test_a_failure_is_one_message_and_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(RunFailure("The disk is full", "Make room.")) == 1
    assert capsys.readouterr() == ("", "error: The disk is full\n  = help: Make room.\n")


def test_a_failure_without_help_is_the_message_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(RunFailure("The disk is full")) == 1
    assert capsys.readouterr().err == "error: The disk is full\n"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_refuses_is_no_bug(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))
    opened_folder.set(tmp_path / "run")

    assert exit_of(OSError(number, "it is full")) == 1
    text = capsys.readouterr().err
    assert text.startswith(f"error: {tmp_path / 'run'} cannot be written: it is full\n")
    assert "Make room" in text
    assert not list(tmp_path.iterdir())


def test_a_message_never_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(RunFailure("no `\x1b[2J\u202e\ud800`:\n\t\u4e2d")) == 1
    assert capsys.readouterr().err == "error: no `\\x1b[2J\\u202e\\ud800`:\n\t\u4e2d\n"


def test_ctrl_c_exits_with_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(KeyboardInterrupt()) == 130
    assert "Traceback" not in capsys.readouterr().err


def test_a_stopped_run_exits_with_its_signal(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_of(RunStopped(15, "SIGTERM came")) == 143
    assert capsys.readouterr().err == "stopped: SIGTERM came\n"


def test_sys_exit_keeps_its_code() -> None:
    assert exit_of(SystemExit(7)) == 7


def test_a_bug_leaves_its_traceback_in_the_run_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))
    run = open_run(tiny_plan(), spec_folder=tmp_path)

    assert exit_of(ZeroDivisionError("oh \ud800")) == 2

    err = capsys.readouterr().err
    log = run.folder / "error.log"
    assert "bug in softprompt" in err
    assert str(log) in err
    assert "Traceback" not in err
    assert "Traceback" in log.read_text("utf-8")
    assert "ZeroDivisionError" in log.read_text("utf-8")


def test_where_no_log_can_be_written_the_traceback_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(RUNS_VARIABLE, str(tmp_path))
    run = open_run(tiny_plan(), spec_folder=tmp_path)
    (run.folder / "error.log").mkdir()
    (run.folder / "error.log" / "in the way").touch()

    assert exit_of(ZeroDivisionError("oh")) == 2
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_a_reader_that_went_away_is_no_bug() -> None:
    code = (
        "from softprompt_runtime.script import run_script\n"
        "run_script(lambda: [print('x' * 1000, flush=True) for _ in range(1000)])\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr is not None
    error = process.stderr.read()
    process.stderr.close()

    assert process.wait() == 1
    assert error == b""


def test_a_failure_may_have_an_exit_code_of_its_own() -> None:
    assert exit_of(RunFailure("The port is taken", exit_code=75)) == 75


def test_torchrun_gets_the_message_for_its_own_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(tmp_path / "error.json"))

    assert exit_of(RunFailure("The disk is full")) == 1
    assert "The disk is full" in (tmp_path / "error.json").read_text("utf-8")
