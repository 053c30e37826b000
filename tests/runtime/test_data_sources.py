import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.example import Example, Unfit
from softprompt_plan.plan import MaxRowsPlan
from softprompt_plan.vocabulary import Split, TooLongPolicy
from softprompt_runtime.examples import Examples, load_examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import open_run
from softprompt_runtime.tokenizer import load_tokenizer
from tests.data_sets import write_folder
from tests.parquet_files import write_parquet
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import train

DATA = os.environ.get("SOFTPROMPT_DATA")
ROWS = [{"text": f"{at}", "label": " x"} for at in range(20)]


def load(folder: Path, split: Split, **data: Any) -> Examples:
    run = open_run(tiny_plan(tasks=(tiny_task(data=data),)), spec_folder=folder)
    return load_examples(run, load_tokenizer(run), split)


def rows_of(examples: Examples) -> list[Example | Unfit]:
    return [examples[at] for at in range(len(examples))]


def lines_of(folder: Path, name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]


def test_parquet_and_data_sets_give_the_examples_of_json_lines(folder: Path) -> None:
    rows = lines_of(folder, "mood_train.jsonl")
    write_parquet(folder / "rows.parquet", rows)
    write_folder(folder / "moods", train=rows)

    expected = load(folder, Split.TRAIN)
    for path in ("rows.parquet", "hf:./moods[train]"):
        found = load(folder, Split.TRAIN, train=(path,))
        assert rows_of(found) == rows_of(expected)
        assert found.digest == expected.digest


def test_a_row_of_a_table_has_its_number_for_a_line(folder: Path) -> None:
    write_parquet(folder / "rows.parquet", ROWS[:1])
    write_folder(folder / "moods", test=ROWS[:2])

    found = load(folder, Split.TEST, test=("rows.parquet", "hf:./moods[test]"))

    origins = [found.origin(at) for at in range(len(found))]
    assert [origin.id for origin in origins] == ["mood:0", "mood:1", "mood:2"]
    assert [origin.line for origin in origins] == [1, 1, 2]
    assert str(origins[2].file) == f"hf:{folder}/moods[test]"


@pytest.mark.slow
def test_a_run_on_parquet_files_is_the_run_on_the_same_json_lines(folder: Path) -> None:
    for split in ("train", "validation"):
        rows = lines_of(folder, f"mood_{split}.jsonl")
        write_parquet(folder / f"{split}.parquet", rows)
    task = tiny_task(data={"train": ("train.parquet",), "validation": ("validation.parquet",)})

    expected = train(folder, name="lines", max_steps=3)
    tables = train(folder, name="parquet", max_steps=3, tasks=(task,))

    assert all(bool((tables[name] == expected[name]).all()) for name in expected)


@pytest.mark.parametrize("seed", [None, 3])
def test_rows_that_are_taken_keep_their_ids_and_lines(folder: Path, seed: int | None) -> None:
    for name, rows in (("a", ROWS[:8]), ("b", ROWS[8:])):
        text = "".join(json.dumps(row) + "\n\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(text, "utf-8")
    limit = MaxRowsPlan(train=None, validation=None, test=10)
    files = ("a.jsonl", "b.jsonl")

    every = load(folder, Split.TEST, test=files)
    found = load(folder, Split.TEST, test=files, max_rows=limit, shuffle_seed=seed)

    known = {origin.id: origin for origin in map(every.origin, range(len(every)))}
    origins = [found.origin(at) for at in range(len(found))]
    assert len({origin.id for origin in origins}) == len(found) == 10
    assert origins == [known[origin.id] for origin in origins]
    numbers = [int(origin.id.partition(":")[2]) for origin in origins]
    assert numbers == sorted(numbers)
    assert (numbers == list(range(10))) == (seed is None)


def test_a_fault_of_a_row_that_is_not_taken_stops_no_run(folder: Path) -> None:
    write_parquet(folder / "rows.parquet", [*ROWS[:2], {"text": None, "label": "x"}])
    limit = MaxRowsPlan(train=2, validation=None, test=None)

    assert len(load(folder, Split.TRAIN, train=("rows.parquet",), max_rows=limit)) == 2
    with pytest.raises(RunFailure, match=r"rows\.parquet:3: `text` is null, not text"):
        load(folder, Split.TRAIN, train=("rows.parquet",))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("hf:nobody/nothing[train]", r"hf:nobody/nothing\[train\]:1: .* hub cannot be reached"),
        ("hf:./none[train]", "there is no such folder"),
        ("hf:./moods[trian]", 'Unknown split "trian"'),
        ("hf:moods", "no split is named"),
        ("broken.parquet", "this is not Parquet"),
        ("rows.jsonl.gz", "compressed; unpack it"),
    ],
)
def test_data_that_cannot_be_read_is_a_failure_with_its_reason(
    folder: Path, path: str, said: str
) -> None:
    write_folder(folder / "moods", train=ROWS[:1])
    (folder / "broken.parquet").write_bytes(b"no")
    (folder / "rows.jsonl.gz").write_bytes(b"\x1f\x8b")

    with pytest.raises(RunFailure, match=said):
        load(folder, Split.TRAIN, train=(path,))


@pytest.mark.skipif(DATA is None, reason="needs SOFTPROMPT_DATA")
def test_published_rows_give_equal_examples_from_parquet(folder: Path) -> None:
    source = Path(DATA or "") / "squad/nemo/squad_train.jsonl"
    lines = source.read_text("utf-8").splitlines(keepends=True)[:300]
    (folder / "rows.jsonl").write_text("".join(lines), "utf-8")
    write_parquet(folder / "rows.parquet", [json.loads(line) for line in lines])
    template = "<|VIRTUAL_PROMPT_0|>{context} {question}{answer}"

    data: dict[str, Any] = {"too_long": TooLongPolicy.SKIP}

    def examples(name: str) -> list[Example | Unfit]:
        task = replace(
            tiny_task("squad", prompt_template=template, data=data | {"train": (name,)}),
            answer_field="answer",
            truncate_fields=("context", "question"),
        )
        run = open_run(tiny_plan(tasks=(task,)), spec_folder=folder)
        return rows_of(load_examples(run, load_tokenizer(run), Split.TRAIN))

    assert len(examples("rows.jsonl")) > 280
    assert examples("rows.parquet") == examples("rows.jsonl")
