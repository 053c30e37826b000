"""Where rows come from, as `spec validate` and `spec compile` see it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.pipeline import Checked
from softprompt_compiler.render import human
from tests.compiler.specs import check, codes, compiled, seen, spec, task
from tests.data_sets import put_into_cache, write_folder
from tests.parquet_files import write_parquet

GOOD = {"text": "It rained.", "mood": "sad"}
OTHER = {"text": "Hooray!", "mood": "glad"}


@pytest.fixture
def folder(world_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models").symlink_to(world_folder / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def text_of(data: str) -> str:
    return spec(tasks=task("answer_field: mood", f"data: {data}"))


def checked_data(folder: Path, data: str, **environment: str) -> Checked:
    return check(text_of(data), folder, read_data=True, environment=environment)


def num_rows(checked: Checked) -> list[int]:
    assert checked.data is not None
    return [summary.num_rows for summary in checked.data.splits]


def manifest_of(folder: Path, data: str) -> list[dict[str, Any]]:
    files = compiled(text_of(data), folder).files
    assert files is not None
    return json.loads(files["manifest.json"])["data"]


# Parquet


def test_globs_and_lists_may_name_parquet_beside_other_formats(folder: Path) -> None:
    write_parquet(folder / "part-1.parquet", [GOOD] * 3)
    write_parquet(folder / "part-2.PARQUET", [GOOD])
    (folder / "more.csv").write_text("text,mood\nx,sad\n", "utf-8")

    checked = checked_data(folder, "{train: ['part-*', more.csv]}")

    assert checked.diagnostics == ()
    assert num_rows(checked) == [5]


def test_a_fault_of_a_parquet_row_stands_at_its_number_and_shows_no_bytes(folder: Path) -> None:
    write_parquet(folder / "train.parquet", [GOOD, {"text": "\n\n", "mood": None}])

    (fault,) = checked_data(folder, "{train: train.parquet}").diagnostics

    assert human.render_diagnostic(fault, human.Style()) == (
        "error[SP0343]: `mood` is null, not text\n"
        " --> train.parquet:2:1\n"
        "  = note: this data has no lines: 2 is the number of the row, counted from 1\n"
        "  = help: store the column as text, and leave rows without a value out\n"
    )


def test_a_broken_parquet_file_is_told_without_its_bytes(folder: Path) -> None:
    (folder / "train.parquet").write_bytes(b"\x1b[31mPAR1" * 9)

    (fault,) = checked_data(folder, "{train: train.parquet}").diagnostics

    assert fault.code == "SP0340"
    assert fault.span.source.text == ""


def test_nested_columns_are_renamed_by_paths(folder: Path) -> None:
    rows = [{"body": {"text": "x"}, "moods": ["sad", "glad"]}]
    write_parquet(folder / "train.parquet", rows)
    fields = "fields: {text: body.text, mood: 'moods[1]'}"

    assert checked_data(folder, f"{{train: train.parquet, {fields}}}").diagnostics == ()


def test_the_manifest_has_the_digest_of_a_parquet_file(folder: Path) -> None:
    write_parquet(folder / "train.parquet", [GOOD])

    (entry,) = manifest_of(folder, "{train: train.parquet}")

    assert [file["name"] for file in entry["files"]] == ["train.parquet"]
    assert len(entry["files"][0]["sha256"]) == 64


def test_without_the_library_it_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_parquet(folder / "train.parquet", [GOOD])
    write_folder(folder / "moods", test=[GOOD])
    data = "{train: train.parquet, test: 'hf:./moods[test]'}"
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "datasets", None)

    found = checked_data(folder, data).diagnostics

    assert codes(found) == ["SP0305", "SP0305"]
    assert ["`pyarrow`" in found[0].message, "`datasets`" in found[1].message] == [True, True]
    assert found[0].help == ("install it: `pip install 'softprompt[data]'`",)
    assert check(text_of(data), folder).diagnostics == (), "rows that are not read need no library"
    assert manifest_of(folder, data)


# Data sets


def test_the_rows_of_a_folder_are_checked(folder: Path) -> None:
    write_folder(folder / "moods", train=[GOOD] * 4, test=[OTHER, {"text": None, "mood": "sad"}])
    data = "{train: 'hf:./moods[train[:3]]', test: 'hf:./moods[test]'}"

    checked = checked_data(folder, data)

    assert num_rows(checked) == [3, 2]
    assert [(each.code, each.span.source.name, each.span.line) for each in checked.diagnostics] == [
        ("SP0343", "hf:./moods[test]", 2)
    ]
    assert "hf:./moods[test]:2:1" in human.render_diagnostic(checked.diagnostics[0], human.Style())


def test_a_column_that_a_data_set_lacks_is_told_once(folder: Path) -> None:
    write_folder(folder / "moods", train=[{"text": "x"}] * 4)

    assert codes(checked_data(folder, "{train: 'hf:./moods[train]'}").diagnostics) == ["SP0342"]


@pytest.mark.parametrize(
    ("written", "code", "token"),
    [
        ("'hf:./moods[train'", "SP0127", "[train"),
        ("'hf:./moods'", "SP0127", "hf:./moods"),
        ('"hf:\\x2e/moods[tr ain]"', "SP0127", "tr ain"),
        ("[train.jsonl, 'hf:a/b/c[train]']", "SP0127", "a/b/c"),
        ("'hf:${NONE}[train]'", "SP0301", "'hf:${NONE}[train]'"),
        ("'hf:${SPLIT}'", "SP0127", "'hf:${SPLIT}'"),
        ("'hf:./nothing[train]'", "SP0302", "'hf:./nothing[train]'"),
        ("'hf:./moods[trian]'", "SP0307", "'hf:./moods[trian]'"),
        ("'hf:./moods:old[train]'", "SP0307", "'hf:./moods:old[train]'"),
    ],
)
def test_what_is_wrong_with_a_data_set_is_told_at_the_spec(
    folder: Path, written: str, code: str, token: str
) -> None:
    write_folder(folder / "moods", train=[GOOD])
    (folder / "train.jsonl").write_text(json.dumps(GOOD), "utf-8")

    found = checked_data(folder, f"{{train: {written}}}", SPLIT="a b c").diagnostics

    assert seen(found) == [(code, token)]
    assert found[0].span.source.name == "spec.yaml"


def test_a_data_set_that_is_not_here_is_a_warning_and_the_rest_is_checked(folder: Path) -> None:
    (folder / "test.jsonl").write_text('{"text": 3}\n', "utf-8")

    checked = checked_data(folder, "{train: 'hf:nobody/nothing[train]', test: test.jsonl}")

    assert codes(checked.diagnostics) == ["SP0306", "SP0343"]
    assert checked.data is not None
    assert [summary.split for summary in checked.data.splits] == ["test"]
    assert checked_data(folder, "{train: 'hf:nobody/nothing[train]'}").plan is not None


def test_a_data_set_of_the_cache_is_checked_and_has_a_fingerprint(
    folder: Path, datasets_cache: Path
) -> None:
    write_folder(folder / "moods", train=[GOOD], test=[{"text": "x"}])
    put_into_cache(datasets_cache, "acme", "told_moods", "plain", folder / "moods")
    train, test = "hf:acme/told_moods:plain[train]", "hf:acme/told_moods:plain[test]"

    assert checked_data(folder, f"{{train: '{train}'}}").diagnostics == ()
    entries = manifest_of(folder, f"{{train: '{train}', test: '{test}'}}")
    assert [entry["files"] for entry in entries] == [[], []]
    assert len({entry["fingerprint"] for entry in entries} - {None}) == 2
    (entry,) = manifest_of(folder, "{train: 'hf:nobody/nothing[train]'}")
    assert entry["fingerprint"] is None


def test_the_manifest_of_a_folder_is_the_same_wherever_it_lies(folder: Path) -> None:
    for name in ("here", "there"):
        write_folder(folder / name / "moods", train=[GOOD])
        (folder / name / "moods" / ".hidden").touch()
        shutil.copytree(folder / "models", folder / name / "models")
        os.utime(folder / name / "moods" / "train.jsonl", (0, len(name)))
    data = "{train: 'hf:./moods[train]'}"

    here, there = (manifest_of(folder / name, data) for name in ("here", "there"))

    assert here == there
    assert [file["name"] for file in here[0]["files"]] == ["train.jsonl"]


def test_checking_data_sets_loads_no_torch_and_prints_nothing_of_the_library(
    folder: Path,
) -> None:
    write_folder(folder / "moods", train=[GOOD])
    (folder / "spec.yaml").write_text(text_of("{train: 'hf:./moods[train]'}"), "utf-8")
    code = (
        "import sys; from softprompt_compiler.cli.app import run; "
        "code = run(['validate', 'spec.yaml']); "
        "assert not {'torch', 'transformers', 'softprompt_runtime'} & set(sys.modules); "
        "sys.exit(code)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=folder
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.lstrip().startswith("longest,")
    assert done.stdout.endswith("\nspec.yaml: sound\n")


# Formats that are not read


@pytest.mark.parametrize("name", ["train.jsonl.gz", "train.csv.zst", "train.json.GZ"])
def test_compressed_files_are_to_be_unpacked(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\x1f\x8b")

    (fault,) = checked_data(folder, f"{{train: {name}}}").diagnostics

    assert fault.code == "SP0304"
    assert fault.help == (f"unpack it: rows are read from `{name.rpartition('.')[0]}`",)


# Limits


def test_only_the_rows_that_are_taken_are_checked_and_counted(folder: Path) -> None:
    rows = [*[GOOD] * 3, {"text": "x"}]
    (folder / "train.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")

    first = checked_data(folder, "{train: train.jsonl, max_rows: {train: 3}}")
    every = checked_data(folder, "{train: train.jsonl, max_rows: {train: 4}, shuffle_seed: 1}")

    assert (first.diagnostics, num_rows(first)) == ((), [3])
    assert [(each.code, each.span.line) for each in every.diagnostics] == [("SP0342", 4)]
