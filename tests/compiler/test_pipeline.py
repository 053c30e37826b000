from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from softprompt_compiler.pipeline import compile_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from softprompt_plan import tokenizer_file
from softprompt_plan.plan import Plan
from softprompt_plan.tokenizer_file import TokenizerFile, read_tokenizer
from tests.compiler.specs import SPEC, check, codes, compiled, spec, task
from tests.spec_strategies import as_yaml, specs


@given(specs())
def test_of_a_valid_spec_nothing_is_said_and_the_plan_carries_its_values(
    world_folder: Path, generated: dict[str, Any]
) -> None:
    checked = check(as_yaml(generated), world_folder)

    assert checked.diagnostics == ()
    assert checked.plan is not None
    assert _carried(generated, checked.plan) == []


@given(st.text())
def test_any_text_at_all_gives_a_result(world_folder: Path, text: str) -> None:
    found = check(text, world_folder)

    assert found.plan is not None or found.diagnostics


@given(specs(), st.data())
def test_a_spec_with_any_piece_torn_out_gives_a_result(
    world_folder: Path, generated: dict[str, Any], data: st.DataObject
) -> None:
    text = as_yaml(generated)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    torn = text[:start] + data.draw(st.text(":{}[]\"'#,&*!|>-\n a1", max_size=6)) + text[end:]

    found = check(torn, world_folder)

    assert found.plan is not None or found.diagnostics


def test_one_pass_reports_the_faults_of_all_sections(world_folder: Path) -> None:
    text = spec(
        "inference: {temprature: 1.0}\nparallelism: {devices: many}\n",
        tasks=task("truncate_field: txt", "data: {train: data/trian.jsonl}"),
        training="training: {max_steps: 100, optim: {lr: 1e-4, sched: {min_lr: 1}}, seed: -1}",
    )

    found = check(text, world_folder)

    assert codes(found.diagnostics) == ["SP0220", "SP0302", "SP0234", "SP0104", "SP0101", "SP0103"]


def test_a_damaged_field_does_not_silence_the_rest_of_its_section(world_folder: Path) -> None:
    text = spec(training="training: {seed: x, global_batch_size: 10, micro_batch_size: 4}")

    assert codes(check(text, world_folder).diagnostics) == ["SP0103", "SP0231"]


def test_a_check_of_a_damaged_field_is_silent(world_folder: Path) -> None:
    text = spec(training="training: {global_batch_size: 10, micro_batch_size: x}")

    assert codes(check(text, world_folder).diagnostics) == ["SP0103"]


def test_a_setting_counts_and_its_faults_point_into_it(world_folder: Path) -> None:
    good = check(SPEC, world_folder, settings=["training.max_steps=7"])
    bad = check(SPEC, world_folder, settings=["training.max_steps=many"])

    assert good.plan is not None
    assert good.plan.training.max_steps == 7
    assert [(each.code, each.span.source.name, each.span.text) for each in bad.diagnostics] == [
        ("SP0103", "--set", "many")
    ]


def test_a_spec_with_errors_compiles_to_nothing(world_folder: Path) -> None:
    result = compiled(spec(training="training: {max_steps: 0}"), world_folder)

    assert result.files is None
    assert result.plan is None


def test_a_spec_with_warnings_compiles(world_folder: Path) -> None:
    result = compiled(spec("prompt_learning: {init: {method: random}}\n"), world_folder)

    assert codes(result.diagnostics) == ["SP0251"]
    assert result.files is not None


_OTHERWISE_SPELT = {"truncate_field": "truncate_fields"}


def _carried(generated: dict[str, Any], plan: Plan) -> list[str]:
    """The paths of values that the plan does not hold as the spec has them."""
    lost: list[str] = []
    for section in ("model", "prompt_learning", "training", "parallelism", "inference", "launch"):
        _compare(generated.get(section, {}), getattr(plan, section), section, lost)
    for name, written in generated["tasks"].items():
        kept = {key: value for key, value in written.items() if key != "total_virtual_tokens"}
        _compare(kept, plan.task(name), f"tasks.{name}", lost)
        if "total_virtual_tokens" in written:
            assert plan.task(name).num_virtual_tokens == written["total_virtual_tokens"]
    assert list(plan.tasks) == [plan.task(name) for name in generated["tasks"]]
    assert plan.name == generated["name"]
    return lost


def _compare(written: dict[str, Any], held: Any, path: str, lost: list[str]) -> None:
    for key, value in written.items():
        found = getattr(held, _OTHERWISE_SPELT.get(key, key))
        if isinstance(value, dict) and isinstance(found, tuple):
            if found != tuple(value.items()):  # pyright: ignore[reportUnknownArgumentType]
                lost.append(f"{path}.{key}")
        elif isinstance(value, dict):
            _compare(value, found, f"{path}.{key}", lost)  # pyright: ignore[reportUnknownArgumentType]
        elif isinstance(found, tuple) and not isinstance(value, list):
            if found != (() if value is None else (value,)):
                lost.append(f"{path}.{key}")
        elif found != (tuple(value) if isinstance(value, list) else value):  # pyright: ignore
            lost.append(f"{path}.{key}")


def test_a_compile_that_reads_the_rows_reads_the_tokenizer_once(
    world_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[Path] = []

    def counting(path: Path) -> TokenizerFile:
        read.append(path)
        return read_tokenizer(path)

    monkeypatch.setattr(tokenizer_file, "read_tokenizer", counting)
    world = LocalWorld(spec_folder=world_folder, environment={})
    source = SourceFile(name="spec.yaml", text=SPEC)

    assert compile_spec(source, [], world, spec_folder="..", read_data=True).files is not None
    assert len(read) == 1
