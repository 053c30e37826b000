import io

import pytest
from rich.console import Console

from softprompt_runtime import progress
from softprompt_runtime.progress import (
    BarDisplay,
    LineDisplay,
    Pace,
    StepReport,
    create_progress,
    describe_duration,
)


def report(step: int, **changes: float) -> StepReport:
    values = {"loss": 1.25, "num_rows": 8, "seconds": 0.5, **changes}
    return StepReport(
        step=step,
        total_steps=10,
        loss=values["loss"],
        num_rows=int(values["num_rows"]),
        seconds=values["seconds"],
    )


def lines(monkeypatch: pytest.MonkeyPatch) -> tuple[LineDisplay, io.StringIO, list[float]]:
    clock = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: 100.0 + clock[0])
    out = io.StringIO()
    return LineDisplay(Console(file=out, width=20)), out, clock


def test_a_line_comes_every_few_seconds_and_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    display, out, clock = lines(monkeypatch)
    for step in range(1, 11):
        clock[0] = step * 1.0
        display.step_done(report(step))

    printed = out.getvalue().splitlines()
    assert [line.split()[1] for line in printed] == ["1/10", "6/10", "10/10"]


def test_a_line_holds_loss_rows_a_second_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    display, out, clock = lines(monkeypatch)
    clock[0] = 60.0
    display.step_done(report(1))

    assert out.getvalue() == "step 1/10  loss 1.2500  16.0 rows/s  9:00 left\n"


def test_a_validation_is_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    display, out, _ = lines(monkeypatch)
    display.validation_started(3)
    display.validation_batch_done()
    display.validation_done(4, 1.5, 1.25)
    display.close()

    assert out.getvalue() == "step 4  val_loss 1.5000  best 1.2500\n"


def test_text_for_the_user_is_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    display, out, _ = lines(monkeypatch)
    display.say("task [red]a[/] has 3 rows")

    assert out.getvalue() == "task [red]a[/] has 3 rows\n"


def test_the_bar_shows_what_the_lines_show() -> None:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True, highlight=False)
    display = BarDisplay(console)
    display.step_done(report(3))
    display.validation_started(2)
    display.validation_batch_done()
    display.validation_done(3, 1.5, 1.25)
    display.step_done(report(4))
    display.say("[bold]text[/]")
    display.close()
    display.close()

    shown = out.getvalue()
    assert "4/10  loss 1.2500  val_loss 1.5000 (best 1.2500)  16.0 rows/s" in shown
    assert "[bold]text[/]" in shown


def test_a_pipe_gets_lines(capsys: pytest.CaptureFixture[str]) -> None:
    display = create_progress()
    display.say("text")

    assert isinstance(display, LineDisplay)
    assert capsys.readouterr() == ("", "text\n")


def test_rows_a_second_leave_validation_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress.time, "monotonic", lambda: 1000.0)
    pace = Pace()
    pace.add(report(1, num_rows=10, seconds=2.0))
    pace.add(report(2, num_rows=20, seconds=1.0))

    assert pace.rows_per_second == pytest.approx(10.0)


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3723, "1:02:03")]
)
def test_durations_are_written_as_clocks_do(seconds: float, text: str) -> None:
    assert describe_duration(seconds) == text
