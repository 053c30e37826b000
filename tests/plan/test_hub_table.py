from pathlib import Path
from typing import Any

import datasets
import pytest

from softprompt_plan.hub_table import open_hub_data
from softprompt_plan.rows import Row, RowFault, read_rows
from softprompt_plan.tables import Table, TableError
from tests.data_sets import put_into_cache, write_folder
from tests.parquet_files import write_parquet

ROWS = [{"text": f"row {at}", "mood": "sad", "unused": at} for at in range(5)]


def open_table(source: Path) -> Table:
    return open_hub_data(source, datasets)


def texts(source: str, *, field: str = "text") -> list[str]:
    rows = read_rows([Path(source)], task="mood", needed=[field], open_table=open_table)
    return [str(row.record[field]) for row in rows if isinstance(row, Row)]


def fault(source: str) -> RowFault:
    (item,) = read_rows([Path(source)], task="mood", needed=["text"], open_table=open_table)
    assert isinstance(item, RowFault)
    return item


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_folder(folder / "lines", train=ROWS, test=ROWS[:2])
    (folder / "parquet").mkdir()
    write_parquet(folder / "parquet" / "train-00000.parquet", ROWS)
    labels: Any = datasets.ClassLabel(names=["sad", "glad"])
    features = datasets.Features({"text": datasets.Value("string"), "mood": labels})
    moods = datasets.Dataset.from_dict({"text": list("abc"), "mood": [0, 1, -1]}, features)
    moods.save_to_disk(folder / "single")
    datasets.DatasetDict({"train": moods, "test": moods}).save_to_disk(folder / "saved")
    return folder


@pytest.mark.parametrize("name", ["lines", "parquet"])
def test_the_rows_of_a_folder_are_those_of_its_files(folder: Path, name: str) -> None:
    source = Path(f"hf:{folder}/{name}[train]")

    rows = list(read_rows([source], task="mood", needed=["text", "mood"], open_table=open_table))

    found = [row for row in rows if isinstance(row, Row)]
    assert [row.record for row in found] == [{"text": r["text"], "mood": "sad"} for r in ROWS]
    assert [(row.file, row.line, row.extra) for row in found] == [
        (source, line, ("unused",)) for line in (1, 2, 3, 4, 5)
    ]


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        ("train[:2]", [0, 1]),
        ("train[-1:]", [4]),
        ("train[20%:60%]", [1, 2]),
        ("train[3:]+test[:1]", [3, 4, 0]),
        ("train[9:]", []),
    ],
)
def test_a_slice_is_what_the_datasets_library_says(
    folder: Path, split: str, expected: list[int]
) -> None:
    assert texts(f"hf:{folder}/lines[{split}]") == [f"row {at}" for at in expected]


def test_saved_folders_are_read_with_their_slices(folder: Path) -> None:
    assert texts(f"hf:{folder}/saved[test[1:]+train[:1]]") == ["b", "c", "a"]
    assert texts(f"hf:{folder}/single[train[:2]]") == ["a", "b"]


def test_class_labels_are_given_by_their_names(folder: Path) -> None:
    source = Path(f"hf:{folder}/saved[train]")

    first, second, unlabelled = read_rows(
        [source], task="t", needed=["text", "mood"], open_table=open_table
    )

    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert [first.record["mood"], second.record["mood"]] == ["sad", "glad"]
    assert isinstance(unlabelled, RowFault)
    assert unlabelled.detail == "`mood` is null, not text"


def test_a_saved_folder_has_no_configurations(folder: Path) -> None:
    assert "no configurations" in fault(f"hf:{folder}/saved:old[train]").detail


def test_a_configuration_of_the_cache_is_read_offline(
    folder: Path, datasets_cache: Path, tmp_path: Path
) -> None:
    put_into_cache(datasets_cache, "someone", "cached_moods", "plain", folder / "lines")

    assert texts("hf:someone/cached_moods[train[:2]]") == ["row 0", "row 1"]
    assert texts("hf:someone/cached_moods:plain[test]") == ["row 0", "row 1"]
    first, again = (open_table(Path("hf:someone/cached_moods[test]")) for _ in range(2))
    assert first.fingerprint == again.fingerprint is not None
    assert fault("hf:someone/cached_moods:other[test]").kind == "not_here"


def test_a_folder_that_was_read_is_not_taken_for_a_data_set_of_its_name(folder: Path) -> None:
    assert len(texts(f"hf:{folder}/lines[train]")) == 5

    assert fault("hf:lines[train]").kind == "not_here"


def test_a_folder_of_the_working_folder_is_not_taken_for_a_data_set(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)

    assert fault(f"hf:{folder.name}/lines[train]").kind == "not_here"


def test_code_in_a_folder_is_not_run(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "moods", train=ROWS)
    (folder / "moods.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')", "utf-8")

    source = f"hf:{folder}[train]"
    items = list(read_rows([Path(source)], task="t", needed=["text"], open_table=open_table))

    assert items
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("source", "kind", "said"),
    [
        ("hf:{}/lines[trian]", "unreadable", 'Unknown split "trian"'),
        ("hf:{}/saved[trian]", "unreadable", 'Unknown split "trian"'),
        ("hf:{}/lines:large[train]", "unreadable", "'large' not found"),
        ("hf:{}/none[train]", "missing_file", "there is no such folder"),
        ("hf:nobody/nothing[train]", "not_here", "cannot be reached"),
        ("hf:nobody/nothing", "unreadable", "no split is named"),
    ],
)
def test_what_cannot_be_loaded_is_a_fault(folder: Path, source: str, kind: str, said: str) -> None:
    found = fault(source.format(folder))

    assert (found.kind, found.row) == (kind, None)
    assert said in found.detail


@pytest.mark.parametrize("other", [3, {"deep": 1}, ["b"]])
def test_values_of_several_types_in_a_column_are_what_they_are(
    tmp_path: Path, other: object
) -> None:
    """The library keeps such a column as JSON text, in which a text has quotes."""
    folder = write_folder(tmp_path / "mixed", train=[{"text": "a"}, {"text": other}])

    first, second = read_rows(
        [Path(f"hf:{folder}[train]")], task="t", needed=["text"], open_table=open_table
    )

    assert isinstance(first, Row)
    assert first.record == {"text": "a"}
    assert isinstance(second, RowFault)
    assert (second.kind, second.line) == ("non_string", 2)


def test_a_file_of_a_folder_that_is_broken_is_one_fault_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = write_folder(tmp_path / "broken", train=ROWS)
    (folder / "train.jsonl").write_text('{"text": "a"}\n{broken\n', "utf-8")

    with pytest.raises(TableError) as error:
        open_table(Path(f"hf:{folder}[train]"))

    assert "JSON parse error" in error.value.detail
    assert "\n" not in error.value.detail
    assert capfd.readouterr() == ("", "")
