from pathlib import Path

import pytest

from softprompt_plan.paths import UnsetVariableError, expand, resolve, resolve_files


def test_a_variable_takes_its_value_from_the_environment() -> None:
    assert expand("${DATA}/train.jsonl", {"DATA": "/big"}) == "/big/train.jsonl"


def test_a_default_stands_in_for_an_unset_or_empty_variable() -> None:
    assert expand("${DATA:-data}/x", {}) == "data/x"
    assert expand("${DATA:-data}/x", {"DATA": ""}) == "data/x"


def test_an_unset_variable_without_default_is_named() -> None:
    with pytest.raises(UnsetVariableError) as caught:
        expand("${DATA}/x", {})

    assert caught.value.name == "DATA"


def test_values_are_not_scanned_again() -> None:
    assert expand("${A}", {"A": "${B}", "B": "secret"}) == "${B}"


def test_a_dollar_without_braces_is_plain_text() -> None:
    assert expand("$HOME/a", {"HOME": "/root"}) == "$HOME/a"


def test_paths_are_relative_to_the_spec(tmp_path: Path) -> None:
    assert resolve("data/a.jsonl", tmp_path, {}) == tmp_path / "data/a.jsonl"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    assert resolve("/data/a.jsonl", tmp_path, {}) == Path("/data/a.jsonl")


def test_a_glob_gives_its_files_sorted(tmp_path: Path) -> None:
    for name in ("b.jsonl", "a.jsonl", "a.csv"):
        (tmp_path / name).touch()

    assert resolve_files("*.jsonl", tmp_path, {}) == [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]


def test_a_user_who_is_not_there_is_a_name_like_any_other(tmp_path: Path) -> None:
    assert resolve("~nobody-here/a", tmp_path, {}) == tmp_path / "~nobody-here/a"


@pytest.mark.parametrize("pattern", ["a**", "x" * 5000 + "*", "**x/*", "[", "?" * 300])
def test_an_odd_pattern_matches_nothing(tmp_path: Path, pattern: str) -> None:
    assert resolve_files(pattern, tmp_path, {}) == []


def test_a_path_without_glob_signs_is_given_back_even_if_missing(tmp_path: Path) -> None:
    assert resolve_files("none.jsonl", tmp_path, {}) == [tmp_path / "none.jsonl"]


def test_a_file_whose_name_holds_a_glob_sign_is_found(tmp_path: Path) -> None:
    (tmp_path / "a[1].jsonl").touch()

    assert resolve_files("a[1].jsonl", tmp_path, {}) == [tmp_path / "a[1].jsonl"]


def test_glob_signs_in_the_folder_of_the_spec_are_plain_text(tmp_path: Path) -> None:
    folder = tmp_path / "run [2]"
    folder.mkdir()
    (folder / "a.jsonl").touch()

    assert resolve_files("*.jsonl", folder, {}) == [folder / "a.jsonl"]
