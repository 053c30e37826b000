import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from softprompt_plan.vocabulary import PromptStyle, Whitespace
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.soft_prompt import (
    FORMAT,
    META_FILE,
    TABLES_FILE,
    SoftPrompt,
    SoftPromptMeta,
    SoftPromptTask,
    load_soft_prompt,
    read_soft_prompt,
    write_soft_prompt,
)
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import make_ready, train
from tests.tiny_model_folder import write_tiny_model


def example() -> SoftPrompt:
    template = "<|VIRTUAL_PROMPT_0|> ü {a}"
    tasks = tuple(
        SoftPromptTask(
            name=name,
            prompt_template=template,
            whitespace=Whitespace.KEPT,
            virtual_token_splits=splits,
        )
        for name, splits in (("b.c/d", (2, 1)), ("a", (2,)))
    )
    return SoftPrompt(
        tables={task.name: torch.randn(task.num_virtual_tokens, 4) for task in tasks},
        meta=SoftPromptMeta(
            virtual_prompt_style=PromptStyle.P_TUNING,
            base_model="model",
            base_model_fingerprint="f",
            width=4,
            plan_digest="d",
            tasks=tasks,
        ),
    )


def test_a_soft_prompt_comes_back_bit_for_bit(tmp_path: Path) -> None:
    written = example()

    write_soft_prompt(tmp_path / "p", written)
    read = read_soft_prompt(tmp_path / "p")

    assert read.meta == written.meta
    assert all(torch.equal(read.tables[task], written.tables[task]) for task in written.tables)


def test_the_same_soft_prompt_is_the_same_bytes(tmp_path: Path) -> None:
    written = example()
    swapped = replace(written, tables=dict(reversed(list(written.tables.items()))))

    write_soft_prompt(tmp_path / "one", written)
    write_soft_prompt(tmp_path / "two", swapped)

    for name in (TABLES_FILE, META_FILE):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_table_is_one_plain_safetensors_entry(tmp_path: Path) -> None:
    written = example()
    write_soft_prompt(tmp_path, written)

    tables = safetensors.torch.load_file(tmp_path / TABLES_FILE)

    assert {name: tuple(table.shape) for name, table in tables.items()} == {
        "b.c/d": (3, 4),
        "a": (2, 4),
    }


def edit_meta(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        value = json.loads((folder / META_FILE).read_text("utf-8"))
        change(value)
        (folder / META_FILE).write_text(json.dumps(value), "utf-8")

    return edit


def rewrite_tables(tables: dict[str, torch.Tensor]) -> Callable[[Path], None]:
    """Other tables, with the digest in the meta file put right."""
    import hashlib

    def edit(folder: Path) -> None:
        data = safetensors.torch.save(tables)
        (folder / TABLES_FILE).write_bytes(data)
        digest = hashlib.sha256(data).hexdigest()
        edit_meta(lambda value: value.update(tables_sha256=digest))(folder)

    return edit


GOOD = {"b.c/d": torch.zeros(3, 4), "a": torch.zeros(2, 4)}
DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no meta": (lambda folder: (folder / META_FILE).unlink(), "cannot be read"),
    "no tables": (lambda folder: (folder / TABLES_FILE).unlink(), "cannot be read"),
    "not JSON": (lambda folder: (folder / META_FILE).write_text("{"), "damaged"),
    "a list": (lambda folder: (folder / META_FILE).write_text("[]"), "damaged"),
    "nested too deep": (lambda f: (f / META_FILE).write_text("[" * 100_000), "damaged"),
    "another format": (edit_meta(lambda value: value.update(format=FORMAT + 1)), "has format"),
    "no format": (edit_meta(lambda value: value.pop("format")), "damaged"),
    "tables cut short": (
        lambda folder: (folder / TABLES_FILE).write_bytes((folder / TABLES_FILE).read_bytes()[:-1]),
        "do not belong together",
    ),
    "a task that has no table": (
        edit_meta(lambda value: value["tasks"].append(value["tasks"][0] | {"name": "c"})),
        "damaged",
    ),
    "another width": (edit_meta(lambda value: value.update(width=5)), "damaged"),
    "splits of zero": (
        edit_meta(lambda value: value["tasks"][0].update(virtual_token_splits=[3, 0])),
        "damaged",
    ),
    "splits that are true": (
        edit_meta(lambda value: value["tasks"][0].update(virtual_token_splits=[True, 2])),
        "damaged",
    ),
    "an unknown style": (edit_meta(lambda v: v.update(virtual_prompt_style="x")), "damaged"),
    "a task that is text": (edit_meta(lambda value: value.update(tasks=["a"])), "damaged"),
    "tables of integers": (rewrite_tables({**GOOD, "a": torch.zeros(2, 4).int()}), "float32"),
    "numbers that are none": (
        rewrite_tables({**GOOD, "a": torch.full((2, 4), float("nan"))}),
        "finite",
    ),
    "another shape": (rewrite_tables({**GOOD, "a": torch.zeros(4, 2)}), "damaged"),
    "one table too many": (rewrite_tables({**GOOD, "z": torch.zeros(2, 4)}), "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_a_failure_that_says_so(tmp_path: Path, damage: str) -> None:
    edit, message = DAMAGES[damage]
    write_soft_prompt(tmp_path, example())
    edit(tmp_path)

    with pytest.raises(RunFailure, match=message):
        read_soft_prompt(tmp_path)


def test_garbage_with_the_right_digest_is_a_failure(tmp_path: Path) -> None:
    import hashlib

    write_soft_prompt(tmp_path, example())
    garbage = b"\xff" * 100
    (tmp_path / TABLES_FILE).write_bytes(garbage)
    digest = hashlib.sha256(garbage).hexdigest()
    edit_meta(lambda value: value.update(tables_sha256=digest))(tmp_path)

    with pytest.raises(RunFailure, match="damaged"):
        read_soft_prompt(tmp_path)


def test_a_run_loads_what_it_trained(folder: Path) -> None:
    tables = train(folder)
    ready = make_ready(tiny_plan(), folder)

    loaded = load_soft_prompt(ready.run, ready.base_model)

    assert torch.equal(loaded.tables["mood"], tables["mood"])
    assert loaded.meta.virtual_prompt_style is PromptStyle.P_TUNING


def test_before_training_there_is_none(folder: Path) -> None:
    ready = make_ready(tiny_plan(), folder)

    with pytest.raises(RunFailure, match="no trained soft prompt") as none:
        load_soft_prompt(ready.run, ready.base_model)
    assert "spec run" in str(none.value.help)


def test_another_base_model_is_refused(folder: Path) -> None:
    train(folder)
    write_tiny_model(folder / "model", seed=5)
    ready = make_ready(tiny_plan(), folder)

    with pytest.raises(RunFailure, match="trained for another base model"):
        load_soft_prompt(ready.run, ready.base_model)


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (tiny_task("other"), "has no task 'other'; it has: mood"),
        (
            tiny_task(virtual_token_splits=(5,)),
            r"virtual_token_splits: \[4\], and the plan has \[5\]",
        ),
        (
            tiny_task(prompt_template="<|VIRTUAL_PROMPT_0|>{text}:{label}"),
            "was trained with prompt_template: ",
        ),
        (tiny_task(whitespace=Whitespace.NEMO_2023), 'was trained with whitespace: "kept"'),
    ],
    ids=["task", "splits", "template", "whitespace"],
)
def test_a_plan_with_another_task_is_refused(folder: Path, task: Any, message: str) -> None:
    train(folder)
    ready = make_ready(tiny_plan(), folder)
    run = replace(ready.run, plan=replace(ready.run.plan, tasks=(task,)))

    with pytest.raises(RunFailure, match=message):
        load_soft_prompt(run, ready.base_model)
