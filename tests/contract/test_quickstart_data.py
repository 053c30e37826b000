"""The quickstart's data is what its README says it is."""

import importlib.util
import json
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "specs" / "data" / "quickstart"
SPLITS = ("train", "validation", "test")


@pytest.fixture(scope="module")
def make_data() -> ModuleType:
    found = importlib.util.spec_from_file_location("make_data", FOLDER / "make_data.py")
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def read(split: str) -> list[dict[str, str]]:
    lines = (FOLDER / f"{split}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_the_script_gives_the_files_byte_for_byte(make_data: ModuleType) -> None:
    for name, text in make_data.texts().items():
        assert (FOLDER / name).read_bytes() == text.encode("utf-8")


def test_no_phrasing_is_in_two_splits(make_data: ModuleType) -> None:
    listed = Counter(
        phrasing
        for by_desk in make_data.read_phrasings().values()
        for phrasings in by_desk.values()
        for phrasing in phrasings
    )
    assert sum(listed.values()) == 306
    assert max(listed.values()) == 1


def test_no_message_is_in_two_rows() -> None:
    messages = [row["message"].lower() for split in SPLITS for row in read(split)]
    assert len(messages) == len(set(messages))


def test_the_readme_counts_the_rows() -> None:
    readme = (FOLDER / "README.md").read_text("utf-8")
    for split in SPLITS:
        assert f"| `{split}.jsonl` | {len(read(split))} |" in readme


def test_every_desk_has_the_same_share_of_each_split() -> None:
    for split in SPLITS:
        counts = Counter(row["desk"] for row in read(split))
        assert len(counts) == 6
        assert len(set(counts.values())) == 1


def test_test_rows_have_words_of_their_own(make_data: ModuleType) -> None:
    for learned, tested in make_data.WORDS.values():
        assert not set(learned) & set(tested)
