"""Bad rows of text files, as `spec validate` tells them: each at its file and line."""

import json
from pathlib import Path

import pytest

from softprompt_compiler.diagnostic import Diagnostic
from tests.compiler.specs import check, spec, task

GOOD = {"text": "It rained.", "mood": "sad"}
_LINE = json.dumps(GOOD).encode()


@pytest.fixture
def folder(world_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").symlink_to(world_folder / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def found_in(folder: Path, name: str) -> tuple[Diagnostic, ...]:
    text = spec(tasks=task("answer_field: mood", f"data: {{train: {name}}}"))
    return check(text, folder, read_data=True).diagnostics


@pytest.mark.parametrize(
    ("name", "content", "code", "line"),
    [
        ("train.jsonl", _LINE + b"\n{broken\n", "SP0341", 2),
        ("train.jsonl", b"\n\n" + _LINE + b'\n\n{"text": "x"}\n', "SP0342", 5),
        ("train.jsonl", _LINE + b'\r\n\r\n{"text": 3, "mood": "a"}\r\n', "SP0343", 3),
        ("train.jsonl", b'\xef\xbb\xbf{"text": "x", "mood": null}', "SP0343", 1),
        ("train.jsonl", _LINE + b'\n{"text": "a\0", "mood": ""}', "SP0341", 2),
        ("train.jsonl", _LINE + b'\n{"text": "a\\u0000", "mood": ""}', "SP0343", 2),
        ("train.jsonl", _LINE + b'\n{"text": "\xff", "mood": ""}', "SP0341", 2),
        ("train.jsonl", _LINE + b'\n{"taskname": "tone", ' + _LINE[1:], "SP0344", 2),
        ("train.jsonl", _LINE + b'\n{"taskname": 3, ' + _LINE[1:], "SP0343", 2),
        ("train.jsonl", _LINE + b'\n{"taskname": null, ' + _LINE[1:], "SP0343", 2),
        ("train.json", b"[\n" + _LINE + b',\n{"text": "x"}]', "SP0342", 3),
        ("train.json", b"[\n" + _LINE + b",\n{broken}]", "SP0340", 3),
        ("train.json", _LINE.replace(b": ", b":\n"), "SP0340", 1),
        ("train.csv", b"text,mood\r\nx,sad\r\n\r\nx\r\n", "SP0341", 4),
        ("train.csv", b"text\nx\ny\n", "SP0342", 1),
        ("train.csv", b"text,mood\nx,sad\n\xff,sad\n", "SP0341", 3),
        ("train.csv", b"text,mood\nx,sad\na\0,sad\n", "SP0343", 3),
        ("train.csv", b"text,mood,taskname\nx,sad,mood\ny,sad,tone\n", "SP0344", 3),
    ],
)
def test_a_bad_row_is_one_fault_at_its_line(
    folder: Path, name: str, content: bytes, code: str, line: int
) -> None:
    (folder / name).write_bytes(content)

    found = found_in(folder, name)

    assert [(each.code, each.span.source.name, each.span.line) for each in found] == [
        (code, name, line)
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + _LINE + b"\r\n \r\n" + _LINE,
        json.dumps({**GOOD, "id": 3, "taskname": "mood"}).encode(),
    ],
)
def test_marks_blank_lines_and_extra_fields_are_no_faults(folder: Path, content: bytes) -> None:
    (folder / "train.jsonl").write_bytes(content)

    assert found_in(folder, "train.jsonl") == ()
