"""`spec lock` and `--locked`: what is locked, what is refused, and what is no drift."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.cli import launch
from softprompt_compiler.lock import content
from softprompt_compiler.lock.content import LockError, parse_lock
from softprompt_compiler.lock.weights import weights_digest
from tests.compiler.command_line import SPEC, call, work_in

LOCK = "spec.yaml.lock"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return work_in(tmp_path, monkeypatch)


def lock(capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, Any]:
    outcome = call(capsys, "lock", "spec.yaml", *options)
    assert (outcome.code, outcome.err) == (0, "")
    return json.loads(Path(LOCK).read_text("utf-8"))


def codes(capsys: pytest.CaptureFixture[str], *options: str) -> list[str]:
    """What `--locked` says of the spec."""
    outcome = call(capsys, "validate", "spec.yaml", "--no-data", "--locked", "-o", "json", *options)
    found = [each["code"] for each in json.loads(outcome.out)["diagnostics"]]
    errors = [code for code in found if code != "SP0376"]
    assert outcome.code == (1 if errors else 0)
    return found


def test_a_lock_is_the_same_bytes_and_holds_no_place_of_this_machine(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = lock(capsys)
    written = (folder / LOCK).stat()
    text = (folder / LOCK).read_text("utf-8")
    again = call(capsys, "lock", "spec.yaml")

    assert again.out == f"{LOCK}: as it was\n"
    assert (folder / LOCK).stat().st_ino == written.st_ino
    assert str(folder) not in text
    assert list(value) == ["format", "versions", "model", "data", "values"]
    assert value["values"]["training.seed"] == 1234
    assert [each["split"] for each in value["data"]] == ["test", "train", "validation"]
    assert None not in value["model"].values()
    assert content.lock_json(parse_lock(text)) == text
    assert codes(capsys) == []


def edit(path: str, old: str, new: str) -> Callable[[], None]:
    def change() -> None:
        text = Path(path).read_text("utf-8")
        assert old in text
        Path(path).write_text(text.replace(old, new), "utf-8")

    return change


def retrain() -> None:
    """The same shapes with other numbers."""
    path = Path("models/tiny/model.safetensors")
    data = bytearray(path.read_bytes())
    data[-4:] = b"abcd"
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (edit("spec.yaml", "max_steps: 2", "max_steps: 3"), "SP0372"),
        (edit("data/train.jsonl", "What", "WHAT"), "SP0373"),
        (lambda: os.replace("data/validation.jsonl", "data/test.jsonl"), "SP0302"),
        (
            edit("models/tiny/config.json", '"vocab_size"', '"rope_theta": 9.0, "vocab_size"'),
            "SP0374",
        ),
        (edit("models/tiny/tokenizer_config.json", "</s>", "<s>"), "SP0374"),
        (retrain, "SP0374"),
        (edit(LOCK, '"tokenizers": "', '"tokenizers": "9'), "SP0375"),
        (edit(LOCK, '"training.seed": 1234,', ""), "SP0372"),
        (edit(LOCK, '"training.seed": 1234,', '"training.seed": 1234, "gone.key": 1,'), "SP0372"),
        (edit(LOCK, '"format": 1', '"format": 2'), "SP0371"),
        (lambda: os.unlink(LOCK), "SP0370"),
    ],
)
def test_each_drift_is_refused_by_its_code(
    change: Callable[[], None], code: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(capsys)
    change()

    assert set(codes(capsys)) == {code}
    for command in (["compile", "spec.yaml", "--out", "out"], ["run", "spec.yaml"]):
        refused = call(capsys, *command, "--locked", "--no-data")
        assert (refused.code, refused.out) == (1, "")
        assert f"error[{code}]" in refused.err
    assert not (folder / "out").exists()
    assert not (folder / "build").exists()


@pytest.mark.parametrize(
    "change",
    [
        edit("spec.yaml", "name: mood", "# a comment\nname:   'mood'"),
        edit("spec.yaml", "training: {", "training: {seed: 1234, "),  # the default, said
        lambda: os.utime("data/train.jsonl", (1, 1)),
        edit(LOCK, '"torch": "', '"torchx": "'),  # another package of the lock
    ],
)
def test_what_changes_nothing_is_no_drift(
    change: Callable[[], None],
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lock(capsys)
    change()
    found = content.installed_versions()
    monkeypatch.setattr(content, "installed_versions", lambda: found | {"torch": None})

    assert codes(capsys) == []


def test_a_sound_lock_lets_compile_and_run_through(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(capsys)
    started: list[list[str]] = []

    def start(command: list[str], _environment: object) -> int:
        started.append(command)
        return 0

    monkeypatch.setattr(launch, "run_child", start)

    assert call(capsys, "compile", "spec.yaml", "--locked", "--out", "out").code == 0
    assert call(capsys, "run", "spec.yaml", "--locked").code == 0
    assert len(started) == 1


def test_a_setting_is_part_of_what_is_locked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock(capsys, "--set", "training.seed=5")

    assert codes(capsys, "--set", "training.seed=5") == []
    assert codes(capsys) == ["SP0372"]


def test_two_specs_of_a_folder_have_locks_of_their_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "spec.yml").write_text(SPEC.replace("max_steps: 2", "max_steps: 3"), "utf-8")
    call(capsys, "lock", "spec.yaml", "spec.yml")

    outcome = call(capsys, "validate", "--locked", "--no-data", "spec.yaml", "spec.yml")
    assert (outcome.code, outcome.err) == (0, "")


def test_all_weights_are_compared_as_they_were_locked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lock(capsys, "--all-weights")["model"]["weights_cover"] == "bytes"
    assert codes(capsys) == []
    retrain()
    assert codes(capsys) == ["SP0374"]


def test_samples_of_weights_see_sizes_names_and_a_retraining(tmp_path: Path) -> None:
    def digests() -> tuple[str | None, str | None]:
        return weights_digest(tmp_path, whole=False), weights_digest(tmp_path, whole=True)

    assert digests() == (None, None)
    size = 12 << 20
    file = tmp_path / "model.safetensors"
    file.write_bytes(bytes(size))
    first = digests()
    data = bytearray(size)
    data[(1 << 20) + (64 << 10)] = 1  # a byte between two samples
    file.write_bytes(data)
    assert digests()[0] == first[0]
    assert digests()[1] != first[1]
    for changed in (
        b"\1" * size,
        bytes(size - 1),
        bytes(size - 1) + b"\1",
        b"\1" + bytes(size - 1),
    ):
        file.write_bytes(changed)
        assert digests()[0] != first[0]
    file.write_bytes(bytes(size))
    assert digests() == first
    file.rename(tmp_path / "other.safetensors")
    assert digests()[0] != first[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"format": 1}',
        '{"format": 1, "versions": 3, "model": {}, "data": [], "values": {}}',
        '{"format": 1, "versions": {}, "model": {}, "data": [], "values": {}}',
        "\ufeff{}",
    ],
)
def test_a_text_that_is_no_lock_is_said_to_be_none(text: str) -> None:
    with pytest.raises(LockError):
        parse_lock(text)


def test_a_version_that_a_shell_would_run_is_no_version(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    value = lock(capsys)
    value["versions"]["torch"] = "1'; touch x #"
    (folder / LOCK).write_text(json.dumps(value), "utf-8")

    outcome = call(capsys, "validate", "spec.yaml", "--locked", "--no-data")
    assert outcome.code == 1
    assert "error[SP0371]" in outcome.err
    assert "touch" not in outcome.err


@pytest.mark.parametrize("kind", ["folder", "pipe", "binary", "huge", "dangling"])
def test_whatever_stands_in_the_locks_place_is_told_without_a_traceback(
    kind: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / LOCK
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "binary":
            path.write_bytes(b"\xff\x00")
        case "huge":
            with path.open("wb") as file:
                file.truncate(1 << 34)
        case _:
            path.symlink_to("nowhere")

    assert codes(capsys) == ["SP0371"]


def test_where_no_lock_can_be_written_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / LOCK).mkdir()
    outcome = call(capsys, "lock", "spec.yaml")

    assert outcome.code == 1
    assert f"error: {LOCK}" in outcome.err
    assert [path.name for path in folder.iterdir() if path.name.endswith(".tmp")] == []


def test_a_wrong_spec_is_not_locked_and_the_others_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "wrong.yaml").write_text(SPEC.replace("max_steps", "max_step"), "utf-8")
    outcome = call(capsys, "lock", "wrong.yaml", "spec.yaml")

    assert (outcome.code, outcome.out) == (1, f"{LOCK}: written\n")
    assert "error[SP0101]" in outcome.err
    assert not (folder / "wrong.yaml.lock").exists()


@pytest.mark.parametrize("command", [["lock", "-"], ["validate", "-", "--locked"]])
def test_standard_input_has_no_lock(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outcome = call(capsys, *command)

    assert outcome.code == 2
    assert "standard input has no lock" in outcome.err
