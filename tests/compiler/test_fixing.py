"""`--fix`: sure fixes are applied, nothing else changes, and nothing gets worse."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from softprompt_compiler.diagnostic import Confidence, Diagnostic, Fix, Severity
from softprompt_compiler.fixing import fix
from softprompt_compiler.parse import parse
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.tree import plain
from softprompt_compiler.world import LocalWorld
from tests.compiler.specs import spec
from tests.field_mistakes import MISTAKES
from tests.spec_strategies import Spec, as_yaml, specs

IN_A_FOLDER = settings(
    max_examples=50,  # each is checked several times
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def checker(folder: Path) -> Callable[[SourceFile], Sequence[Diagnostic]]:
    world = LocalWorld(spec_folder=folder, environment={})
    return lambda source: check_spec(source, [], world).diagnostics


def fixed_text(text: str, folder: Path) -> str:
    return fix(SourceFile(name="spec.yaml", text=text), [checker(folder)]).source.text


def errors(text: str, folder: Path) -> list[str]:
    found = checker(folder)(SourceFile(name="spec.yaml", text=text))
    return [each.code for each in found if each.severity is Severity.ERROR]


def value(text: str) -> Any:
    tree = parse(SourceFile(name="spec.yaml", text=text)).tree
    assert tree is not None
    return plain(tree.root)


def _is_sure(diagnostic: Diagnostic) -> bool:
    return diagnostic.fix is not None and diagnostic.fix.confidence is Confidence.SURE


# What each fix makes of the text


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("name:mood", "name: mood"),
        ("name:\tmood", "name: mood"),
        ("name: 010", 'name: "010"'),
        ('version: "1"  # one', "version: 1  # one"),
        ("training: {max-steps: 9}", "training: {max_steps: 9}"),
        ("training: {max_steps: '9'}", "training: {max_steps: 9}"),
        ("training: {max_steps: 9, loggers: csv}", "training: {max_steps: 9, loggers: [csv]}"),
        (
            "training: {max_steps: 9, precision: BF16_Mixed}",
            "training: {max_steps: 9, precision: bf16-mixed}",
        ),
        (
            "training: {max_steps: 9, loggers: [csv , csv]}",
            "training: {max_steps: 9, loggers: [csv]}",
        ),
        (
            "training:\n  loggers:\n  - csv\n  - csv\n  max_steps: 9\n",
            "training:\n  loggers:\n  - csv\n  max_steps: 9\n",
        ),
        (
            "training:\n  max_steps: 9\n  loggers:\n  - csv\n  - csv",
            "training:\n  max_steps: 9\n  loggers:\n  - csv",
        ),
        ("inference: {greedy: yes}", "inference: {greedy: true}"),
        ("inference: {greedy: Off}", "inference: {greedy: false}"),
        ("inference: {add_bos: no, add_bos: no}", "inference: {add_bos: false}"),
        ("inference:\n  seed: 1\n  seed: 1\n", "inference:\n  seed: 1\n"),
        ("%YAML 1.2\n---\nversion: 1", "---\nversion: 1"),
        (
            "    prompt_template: Text: {text}<|VIRTUAL_PROMPT_0|>\n",
            "    prompt_template: 'Text: {text}<|VIRTUAL_PROMPT_0|>'\n",
        ),
        (
            "    prompt_template: {text} is it?<|VIRTUAL_PROMPT_0|>\n",
            "    prompt_template: '{text} is it?<|VIRTUAL_PROMPT_0|>'\n",
        ),
    ],
)
@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_a_sure_fix_changes_the_token_and_nothing_else(
    wrong: str, right: str, line_break: str, world_folder: Path
) -> None:
    before, after = (text.replace("\n", line_break) for text in (wrong, right))

    assert fixed_text(before, world_folder) == after


@pytest.mark.parametrize(
    "text",
    [
        "training:\n  seed: 1\n  seed: 2\n",  # which of the two?
        "training:\n  loggers:\n  - csv\n  - csv  # both\n",  # a comment would go too
        "    prompt_template: Text: {text} # mood\n",  # comment or text?
        "    prompt_template: Text: {text}\\n\n",  # two characters or a line break?
        "    prompt_template: Text: {text}\n      and more\n",
        "training: {max_steps: '9.5'}",  # no whole number
        "training: {max_epoch: 9}",
        "training: {max_epochs: 3, max-epochs: 9}",
        "inference: {greedy: 1}",
        "%YAML 1.1\n---\nversion: 1",
        "a:\n\tb: 1\n",
    ],
)
def test_what_could_mean_something_else_is_left_to_the_author(
    text: str, world_folder: Path
) -> None:
    assert fixed_text(text, world_folder) == text


def test_of_a_list_of_files_none_is_dropped(world_folder: Path) -> None:
    text = spec().replace("data/train.jsonl", "[data/train.jsonl, data/train.jsonl]")

    assert errors(text, world_folder) == ["SP0110"]
    assert fixed_text(text, world_folder) == text


# Properties


def _number_as_text(text: Spec, task: Spec) -> None:
    text["version"] = "1"


def _quoted_size(text: Spec, task: Spec) -> None:
    if "max_seq_length" in text["model"]:  # `_hyphens` spells it otherwise
        text["model"]["max_seq_length"] = str(text["model"]["max_seq_length"])


def _hyphens(text: Spec, task: Spec) -> None:
    text["model"]["max-seq-length"] = text["model"].pop("max_seq_length")


def _capitals(text: Spec, task: Spec) -> None:
    task["Prompt_Template"] = task.pop("prompt_template")


def _spelt_choice(text: Spec, task: Spec) -> None:
    task["truncate_side"] = task.get("truncate_side", "right").upper()


def _yes(text: Spec, task: Spec) -> None:
    inference = text.setdefault("inference", {"greedy": True})
    inference["greedy"] = "yes" if inference["greedy"] else "No"


def _twice(text: Spec, task: Spec) -> None:
    text.setdefault("training", {})["loggers"] = ["csv", "csv"]


def _no_list(text: Spec, task: Spec) -> None:
    text.setdefault("training", {})["loggers"] = "tensorboard"


DAMAGES = (
    _number_as_text, _quoted_size, _hyphens, _capitals, _spelt_choice, _yes, _twice, _no_list
)  # fmt: skip


def _damaged(generated: Spec, damages: Sequence[Callable[[Spec, Spec], None]]) -> Spec:
    damaged: Spec = json.loads(json.dumps(generated))
    for damage in sorted(damages, key=DAMAGES.index):  # a size is quoted before it is renamed
        damage(damaged, next(iter(damaged["tasks"].values())))
    return damaged


def _with_comments(text: str, seed: int) -> str:
    """Comments on some lines; lines are told apart by their number."""
    lines = text.split("\n")
    return "\n".join(
        f"# above {at}\n{line}  # beside {at}" if line and (at * 7 + seed) % 3 == 0 else line
        for at, line in enumerate(lines)
    )


@given(specs(), st.lists(st.sampled_from(DAMAGES), unique=True, max_size=5), st.integers(0, 2))
@IN_A_FOLDER
def test_a_damaged_spec_is_made_whole_and_keeps_its_comments(
    world_folder: Path, generated: Spec, damages: list[Any], seed: int
) -> None:
    text = _with_comments(as_yaml(_damaged(generated, damages)), seed)
    fixed = fixed_text(text, world_folder)

    assert errors(fixed, world_folder) == []
    comments = [line.partition("# ")[2] for line in text.split("\n") if "# above" in line]
    assert [line.partition("# ")[2] for line in fixed.split("\n") if "# above" in line] == comments
    assert len(fixed.split("\n")) == len(text.split("\n"))
    if not damages:
        assert fixed == text


@given(specs(), st.lists(st.sampled_from(MISTAKES), max_size=3), st.sampled_from(DAMAGES))
@IN_A_FOLDER
def test_no_sure_fix_is_left_and_no_error_is_new(
    world_folder: Path, generated: Spec, mistakes: list[Any], damage: Any
) -> None:
    wrong = _damaged(generated, [damage])
    for mistake in mistakes:
        if mistake.path[0] != "version" and wrong.get("tasks"):
            wrong, _ = mistake.damage(wrong)
    before = as_yaml(wrong)
    after = fixed_text(before, world_folder)

    found = checker(world_folder)(SourceFile(name="spec.yaml", text=after))
    assert [each for each in found if _is_sure(each)] == []
    # A field that can be read again may disagree with others: that shows, and is not made.
    of_fields = {"SP0101", "SP0102", "SP0103", "SP0104", "SP0105", "SP0106", "SP0107", "SP0110"}
    kept = Counter(code for code in errors(after, world_folder) if code in of_fields)
    assert kept <= Counter(errors(before, world_folder))


@given(specs(), st.data())
@IN_A_FOLDER
def test_any_text_comes_to_rest(world_folder: Path, generated: Spec, data: st.DataObject) -> None:
    text = as_yaml(_damaged(generated, [_twice, _yes])).replace(
        '"', data.draw(st.sampled_from("\"'"))
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.integers(0, 3))
        text = text[:at] + data.draw(st.text(":\t -[]{},#\n\"'%yn0", max_size=3)) + text[at + cut :]
    once = fixed_text(text, world_folder)

    assert fixed_text(once, world_folder) == once


def test_fixes_that_meet_are_applied_one_after_the_other(world_folder: Path) -> None:
    def check(source: SourceFile) -> list[Diagnostic]:
        found = checker(world_folder)(SourceFile(name="x", text="name: 1"))[0]
        start = source.text.find("ab")
        if start < 0:
            return []
        edits = [
            Fix.sure(source.span(start, start + 2), "a"),
            Fix.sure(source.span(start + 1), "x"),
        ]
        return [replace(found, fix=each) for each in edits]

    assert fix(SourceFile(name="spec.yaml", text="ab ab"), [check]).source.text == "a a"


def test_a_fix_of_another_text_is_not_applied(world_folder: Path) -> None:
    source = SourceFile(name="spec.yaml", text=spec())
    world = LocalWorld(spec_folder=world_folder, environment={})
    setting = ["training.max_steps='9'"]
    found = check_spec(source, setting, world).diagnostics

    assert any(_is_sure(each) for each in found)
    assert fix(source, [lambda text: check_spec(text, setting, world).diagnostics]).fixed == ()


def test_a_spec_of_compact_json_stays_one(world_folder: Path) -> None:
    """Without its quotes `"max-seq-length":64` would be one word to YAML."""
    sound = value(spec())
    text = json.dumps(sound, separators=(",", ":"))
    wrong = text.replace('"max_seq_length"', '"max-seq-length"').replace(
        '"answer_field"', '"Answer-Field"'
    )

    assert text != wrong
    assert fixed_text(wrong, world_folder) == text


def test_a_comment_right_behind_a_quote_does_not_become_part_of_the_value(
    world_folder: Path,
) -> None:
    wrong = spec(training="training:\n  max_steps: '100'# as before")

    assert value(fixed_text(wrong, world_folder))["training"] == {"max_steps": 100}
    assert "max_steps: 100 # as before" in fixed_text(wrong, world_folder)
