from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.plan import MaxRowsPlan, TaskPlan
from softprompt_plan.vocabulary import Metric, Split, TooLongPolicy, TruncateSide, Whitespace
from softprompt_runtime import row_key as module
from softprompt_runtime.row_key import row_key
from tests.data_sets import write_folder
from tests.runtime.plans import tiny_task


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "a", "label": "x"}\n')
    return path


def key(
    *files: Path, task: TaskPlan | None = None, split: Split = Split.TRAIN, **changes: Any
) -> str | None:
    values: dict[str, Any] = {"tokenizer": "0", "max_seq_length": 64, "add_bos": False}
    return row_key(task or tiny_task(), split, files, **{**values, **changes})


def max_rows(**changes: int) -> dict[str, Any]:
    none = MaxRowsPlan(train=None, validation=None, test=None)
    return {"data": {"max_rows": replace(none, **changes)}}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "other"},
        {"prompt_template": "{text} {label}"},
        {"whitespace": Whitespace.NEMO_2023},
        {"virtual_token_splits": (5,)},
        {"truncate_fields": ()},
        {"truncate_side": TruncateSide.LEFT},
        {"answer_field": None},
        {"answer_only_loss": False},
        {"data": {"fields": (("text", "body"),)}},
        {"data": {"shuffle_seed": 1}},
        {"data": {"too_long": TooLongPolicy.SKIP}},
        max_rows(train=3),
    ],
)
def test_what_a_task_says_about_its_rows_is_in_the_key(data: Path, changes: dict[str, Any]) -> None:
    assert key(data, task=tiny_task(**changes)) != key(data)


@pytest.mark.parametrize(
    "changes",
    [
        {"weight": 2.0},
        {"metrics": (Metric.EXACT_MATCH,)},
        {"data": {"train": ("elsewhere/*.jsonl",)}},
        {"data": {"validation": (), "test": ()}},
        max_rows(test=3),
    ],
)
def test_what_decides_nothing_about_the_rows_is_not(data: Path, changes: dict[str, Any]) -> None:
    assert key(data, task=tiny_task(**changes)) == key(data)


@pytest.mark.parametrize(
    "changes",
    [{"tokenizer": "1"}, {"max_seq_length": 63}, {"add_bos": True}, {"split": Split.TEST}],
)
def test_what_a_run_says_about_rows_is_in_the_key(data: Path, changes: dict[str, Any]) -> None:
    assert key(data, **changes) != key(data)


def test_the_key_knows_every_byte_and_the_order_of_the_files(data: Path) -> None:
    content = data.read_bytes()
    other = data.with_name("b.jsonl")
    other.write_bytes(content.replace(b"a", b"c"))

    keys = [key(), key(data), key(other), key(data, other), key(other, data), key(data, data)]

    assert len(set(keys)) == len(keys)


def test_the_same_bytes_elsewhere_have_the_same_key_unless_they_are_read_otherwise(
    data: Path,
) -> None:
    moved, csv = data.with_name("moved.jsonl"), data.with_name("a.csv")
    for path in (moved, csv):
        path.write_bytes(data.read_bytes())

    assert key(moved) == key(data)
    assert key(csv) != key(data)


def test_a_file_that_cannot_be_read_has_no_key(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.jsonl"):
        key(tmp_path / "none.jsonl")


@pytest.fixture
def forgetful() -> Iterator[None]:
    yield
    module._code_digest.cache_clear()  # pyright: ignore[reportPrivateUsage]


@pytest.mark.usefixtures("forgetful")
def test_other_code_has_another_key(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(data)
    for package in ("softprompt_plan", "softprompt_runtime"):
        (tmp_path / package).mkdir()
        for source in module.resources.files(package).iterdir():
            if source.is_file():
                (tmp_path / package / source.name).write_bytes(source.read_bytes())
    keys = {before}

    def key_with(package: str, name: str, text: str) -> str | None:
        path = tmp_path / package / name
        path.write_text(path.read_text() + text)
        module._code_digest.cache_clear()  # pyright: ignore[reportPrivateUsage]
        return key(data)

    def files(package: str) -> Path:
        return tmp_path / package

    monkeypatch.setattr(module.resources, "files", files)
    keys.add(same := key_with("softprompt_plan", "fitting.py", ""))
    assert same == before
    keys.add(key_with("softprompt_plan", "fitting.py", "# changed\n"))
    keys.add(key_with("softprompt_runtime", "examples.py", "# changed\n"))
    keys.add(key_with("softprompt_runtime", "row_columns.py", "# changed\n"))
    assert len(keys) == 4


@pytest.mark.usefixtures("forgetful")
def test_other_versions_of_the_libraries_have_another_key(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = key(data)

    def version(name: str) -> str:
        return "0.0"

    monkeypatch.setattr(module, "version", version)
    module._code_digest.cache_clear()  # pyright: ignore[reportPrivateUsage]

    assert key(data) != before


def test_a_data_set_is_known_by_what_its_library_tells_it_by(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "moods", train=[{"text": "a"}], test=[{"text": "b"}])
    train, test = (Path(f"hf:{folder}[{split}]") for split in ("train", "test"))

    assert key(train) == key(train)
    assert None not in (key(train), key(test))
    assert key(train) != key(test)

    before = key(train)
    (folder / "train.jsonl").write_text('{"text": "another text"}\n', "utf-8")
    assert key(train) != before


def test_a_source_that_does_not_tell_its_content_has_no_key(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(_: Path) -> None:
        return None

    monkeypatch.setattr(module, "source_digest", unknown)

    assert key(data) is None
