import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_plan.plan import DataPlan, MaxRowsPlan
from softprompt_plan.row_limit import RowLimit, drawn_rows, row_limit
from softprompt_plan.rows import Row, RowFault, read_rows
from softprompt_plan.vocabulary import Split, TooLongPolicy


def numbers(
    files: list[Path], limit: RowLimit | None
) -> list[tuple[str, int, int | None, type[Row | RowFault]]]:
    rows = read_rows(files, task="t", needed=["text"], limit=limit)
    return [(item.file.name, item.line, item.row, type(item)) for item in rows]


def write(folder: Path, name: str, size: int, *, faulty: frozenset[int] = frozenset()) -> Path:
    """Rows with a blank line behind each; those of `faulty` lack their field."""
    rows = [{} if row in faulty else {"text": f"{name} {row}"} for row in range(size)]
    file = folder / name
    if name.endswith(".json"):
        file.write_text(json.dumps(rows, indent=1), "utf-8")
    else:
        file.write_text("".join(json.dumps(row) + "\n\n" for row in rows), "utf-8")
    return file


def test_the_first_rows_are_those_of_the_first_files_faulty_ones_counted(tmp_path: Path) -> None:
    files = [write(tmp_path, "b.jsonl", 2, faulty=frozenset({1})), write(tmp_path, "a.jsonl", 3)]

    found = numbers(files, RowLimit(max_rows=3, seed=None))

    assert found == [
        ("b.jsonl", 1, 0, Row),
        ("b.jsonl", 3, 1, RowFault),
        ("a.jsonl", 1, 0, Row),
    ]


def test_rows_and_files_behind_the_limit_are_not_looked_at(tmp_path: Path) -> None:
    files = [write(tmp_path, "a.jsonl", 3, faulty=frozenset({2})), tmp_path / "none.jsonl"]

    assert [item[3] for item in numbers(files, RowLimit(max_rows=2, seed=None))] == [Row, Row]
    assert numbers(files, None)[-1][3] is RowFault


def test_a_limit_above_the_rows_takes_all(tmp_path: Path) -> None:
    files = [write(tmp_path, "a.jsonl", 3), write(tmp_path, "b.json", 4)]

    for seed in (None, 0, 7):
        assert numbers(files, RowLimit(max_rows=7, seed=seed)) == numbers(files, None)


def test_a_draw_is_the_same_on_every_machine() -> None:
    """A change here changes which rows a spec trains on."""
    assert sorted(drawn_rows(1000, 5, seed=1)) == [164, 405, 418, 633, 843]
    assert sorted(drawn_rows(1000, 5, seed=2**32 - 1)) == [48, 276, 331, 493, 579]


def test_a_file_that_grows_changes_little_of_the_draw() -> None:
    before, after = drawn_rows(10_000, 1000, seed=3), drawn_rows(11_000, 1000, seed=3)

    assert {row for row in after if row < 10_000} <= before
    assert len(before & after) > 850


def test_every_row_is_drawn_as_often_as_any_other() -> None:
    count = [0] * 50
    for seed in range(2000):
        for row in drawn_rows(50, 10, seed=seed):
            count[row] += 1

    assert sum(count) == 2000 * 10
    assert all(abs(each - 400) < 5 * 18 for each in count)  # standard deviation 17.9


@given(
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=4),
    max_rows=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    data=st.data(),
)
def test_drawn_rows_are_rows_of_the_files_in_their_order(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    max_rows: int,
    seed: int,
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    faulty = data.draw(st.frozensets(st.integers(0, 11)))
    suffixes = data.draw(st.lists(st.sampled_from(["jsonl", "json"]), min_size=4, max_size=4))
    files = [
        write(folder, f"{at}.{suffixes[at]}", size, faulty=faulty) for at, size in enumerate(sizes)
    ]
    every = numbers(files, None)

    taken = numbers(files, RowLimit(max_rows=max_rows, seed=seed))

    assert len(taken) == min(max_rows, sum(sizes))
    assert taken == [item for item in every if item in taken]
    assert taken == numbers(files, RowLimit(max_rows=max_rows, seed=seed))
    rows = read_rows(files, task="t", needed=["text"], limit=RowLimit(max_rows=max_rows, seed=seed))
    before = [sum(sizes[:at]) for at in range(len(sizes))]
    for row in rows:
        if isinstance(row, Row):
            assert row.number == before[int(row.file.stem)] + row.row
            assert row.record["text"] == f"{row.file.name} {row.row}"


@pytest.mark.parametrize(
    ("split", "expected"),
    [
        (Split.TRAIN, RowLimit(max_rows=5, seed=9)),
        (Split.VALIDATION, None),
        (Split.TEST, RowLimit(max_rows=1, seed=9)),
    ],
)
def test_each_split_has_its_own_limit(split: Split, expected: RowLimit | None) -> None:
    data = DataPlan(
        train=("a.jsonl",),
        validation=(),
        test=(),
        fields=(),
        max_rows=MaxRowsPlan(train=5, validation=None, test=1),
        shuffle_seed=9,
        too_long=TooLongPolicy.ERROR,
    )

    assert row_limit(data, split) == expected
