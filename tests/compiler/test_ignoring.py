"""`# softprompt: ignore[CODE] reason`. SP0050 to SP0054 show its faults."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softprompt_compiler.diagnostic import Severity
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from tests.compiler.specs import check, codes, seen, spec
from tests.spec_strategies import Spec, as_yaml, specs

IGNORE = "# softprompt: ignore[SP0251] the baseline of a study"
INIT = "prompt_learning:\n  init:\n    method: random"


@pytest.mark.parametrize(
    "extra",
    [
        f"{INIT}  {IGNORE}\n",
        f"prompt_learning:\n  init:\n    {IGNORE}\n    method: random\n",
        f"prompt_learning:\n  init:\n  {IGNORE}\n\n  # softprompt is fine\n    method: random",
        f"{INIT} #softprompt:ignore[SP0250,SP0251]: both\n".replace("SP0250,", ""),
        f"prompt_learning: {{init: {{method: random}}}}\t{IGNORE}".replace("\t", " "),
    ],
)
def test_a_warning_is_silenced_on_its_line_or_from_the_line_above(
    extra: str, world_folder: Path
) -> None:
    checked = check(spec(extra), world_folder)

    assert codes(checked.diagnostics) == []
    assert [each.diagnostic.code for each in checked.ignored] == ["SP0251"]
    assert checked.ignored[0].reason in ("the baseline of a study", "both")
    assert checked.plan is not None


def test_several_comments_may_stand_above_one_line(world_folder: Path) -> None:
    text = spec(
        f"prompt_learning:\n  virtual_prompt_style: prompt-tuning\n  {IGNORE}\n"
        "  # softprompt: ignore[SP0250] a slow start\n  init: {method: random}\n"
    )

    assert seen(check(text, world_folder).diagnostics)[:1] == [("SP0051", "SP0250")]


def test_another_line_and_another_code_are_not_silenced(world_folder: Path) -> None:
    above = check(spec(f"prompt_learning:  {IGNORE}\n  init: {{method: random}}\n"), world_folder)
    other = check(spec(f"{INIT}  {IGNORE.replace('1]', '2]')}\n"), world_folder)

    assert sorted(codes(above.diagnostics)) == ["SP0051", "SP0251"]
    assert sorted(codes(other.diagnostics)) == ["SP0051", "SP0251"]


@pytest.mark.parametrize(
    "template",
    [
        f'"<|VIRTUAL_PROMPT_0|>{{text}} {IGNORE} mood:{{mood}}"',
        f"|\n      <|VIRTUAL_PROMPT_0|>{{text}}\n      {IGNORE}\n      mood:{{mood}}",
    ],
)
def test_in_a_text_it_is_no_comment(template: str, world_folder: Path) -> None:
    text = spec().replace('"<|VIRTUAL_PROMPT_0|>{text} mood:{mood}"', template)

    assert not any(
        code.startswith("SP005") for code in codes(check(text, world_folder).diagnostics)
    )


def test_beside_the_head_of_a_block_it_is_a_comment(world_folder: Path) -> None:
    text = spec().replace(
        '"<|VIRTUAL_PROMPT_0|>{text} mood:{mood}"',
        f"|-  {IGNORE}\n      <|VIRTUAL_PROMPT_0|>{{text}} mood:{{mood}}",
    )

    assert "SP0051" in codes(check(text, world_folder).diagnostics)


@pytest.mark.parametrize("written", ["sp0251", "random-init", "Random_Init"])
def test_a_rule_s_name_or_another_spelling_is_corrected(written: str, world_folder: Path) -> None:
    found = check(spec(f"{INIT}  {IGNORE.replace('SP0251', written)}\n"), world_folder).diagnostics

    assert seen(found) == [("SP0251", "random"), ("SP0052", written)]
    assert found[1].fix is not None
    assert found[1].fix.edits[0].replacement == "SP0251"


def test_an_error_stays_and_is_said_to_stay(world_folder: Path) -> None:
    text = spec("inference: {greedy: true, top_k: 3}  # softprompt: ignore[SP0242] no matter\n")
    checked = check(text, world_folder)

    assert sorted(codes(checked.diagnostics)) == ["SP0050", "SP0242"]
    assert (checked.plan, checked.ignored) == (None, ())


def test_while_there_are_errors_no_comment_is_called_unused(world_folder: Path) -> None:
    text = spec(f"parallelism: {{devices: 0}}  {IGNORE}\n")

    assert codes(check(text, world_folder).diagnostics) == ["SP0104"]


def test_what_depends_on_the_machine_is_never_called_unused(world_folder: Path) -> None:
    text = spec("parallelism: {}  # softprompt: ignore[SP0312, SP0352] checked on the cluster\n")

    assert codes(check(text, world_folder).diagnostics) == []


def test_what_rows_give_a_line_of_the_spec_can_be_ignored(tmp_path: Path) -> None:
    from tests.compiler.page_world import make_world

    make_world(tmp_path)
    (tmp_path / "data" / "test.jsonl").write_text('{"text": "No label."}\n', "utf-8")
    text = spec().replace(
        "data: {train: data/train.jsonl}",
        "data: {train: data/train.jsonl, test: data/test.jsonl}"
        "  # softprompt: ignore[SP0356] labels come later\n    metrics: [accuracy]",
    )
    checked = check(text, tmp_path, read_data=True)

    assert codes(checked.diagnostics) == []
    assert [each.diagnostic.code for each in checked.ignored] == ["SP0356"]


@given(specs(), st.integers(0, 30), st.text("SP0251,[] :#softpromptignore", max_size=30))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_a_comment_changes_no_error_and_no_plan(
    world_folder: Path, generated: Spec, at: int, rest: str
) -> None:
    world = LocalWorld(spec_folder=world_folder, environment={})
    lines = as_yaml(generated).split("\n")
    before = check_spec(SourceFile(name="s", text="\n".join(lines)), [], world)
    lines[at % len(lines)] += f"  # softprompt: {rest}"
    after = check_spec(SourceFile(name="s", text="\n".join(lines)), [], world)

    assert after.plan == before.plan
    assert {each.severity for each in after.diagnostics} <= {Severity.WARNING, Severity.NOTE}
