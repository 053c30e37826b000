import os
import signal
import threading

import pytest

from softprompt_runtime.stopping import RunStopped, StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_noted_and_nothing_else_happens(number: int) -> None:
    before = signal.signal(number, signal.SIG_DFL)  # the tests themselves may run under nohup
    try:
        with StopSignals() as signals:
            assert signals.received is None
            os.kill(os.getpid(), number)
            assert signals.received == number
    finally:
        signal.signal(number, before)


def test_a_run_under_nohup_outlives_its_terminal() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with StopSignals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            assert signals.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_does_not_wait() -> None:
    with StopSignals():
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(RunStopped, match="second Ctrl-C"):
            os.kill(os.getpid(), signal.SIGINT)


def test_the_handlers_before_are_back_afterwards_whoever_changed_them_inside() -> None:
    before = signal.getsignal(signal.SIGTERM)

    with StopSignals():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_can_be_taken_over_again() -> None:
    with StopSignals() as signals:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signals.take_over()
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received == signal.SIGTERM


def test_in_another_thread_nothing_is_noted_and_nothing_fails() -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            with StopSignals() as signals:
                signals.take_over()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert errors == []


def test_exit_codes_are_the_shells() -> None:
    assert RunStopped(signal.SIGINT, "").exit_code == 130
    assert RunStopped(signal.SIGTERM, "").exit_code == 143
