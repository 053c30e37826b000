from pathlib import Path

from softprompt_runtime.history import History, read_history


def test_entries_come_back_in_order(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    entries = [{"step": 1, "loss": 0.1 + 0.2}, {"step": 1, "val_loss": 2.0}]

    for entry in entries:
        history.append(entry)

    assert read_history(tmp_path / "history.jsonl") == entries


def test_what_came_after_a_step_is_cut(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    for step in range(1, 5):
        history.append({"step": step, "loss": 1.0})

    kept = history.cut_after(2, 0)

    assert [entry["step"] for entry in kept] == [1, 2]
    assert read_history(tmp_path / "history.jsonl") == kept


def test_a_validation_that_no_checkpoint_holds_is_cut(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    entries = [{"step": 2, "val_loss": 1.0}, {"step": 4, "loss": 1.0}, {"step": 4, "val_loss": 1.0}]
    for entry in entries:
        history.append(entry)

    assert history.cut_after(4, 2) == entries[:2]


def test_a_line_that_a_kill_cut_short_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text('{"step": 1, "loss": 1.0}\n{"step": 2, "lo', "utf-8")
    history = History(path)

    history.cut_after(9, 0)
    history.append({"step": 2, "loss": 1.5})

    assert [entry["step"] for entry in read_history(path)] == [1, 2]


def test_there_is_no_history_before_the_first_step(tmp_path: Path) -> None:
    assert read_history(tmp_path / "history.jsonl") == []


def test_foreign_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    path.write_bytes(b'[]\n{"step": "x"}\n\xff\n{"step": 3}\n')

    assert read_history(path) == [{"step": 3}]
