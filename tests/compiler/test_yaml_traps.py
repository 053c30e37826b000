"""Values that YAML 1.1, Python or a shell would read otherwise."""

from pathlib import Path

import pytest

from softprompt_compiler.diagnostic import Confidence, Diagnostic
from tests.compiler.specs import check, codes, seen, spec, task


def _found(text: str, folder: Path) -> list[Diagnostic]:
    return list(check(text, folder).diagnostics)


def _fixed(found: Diagnostic) -> tuple[str, Confidence] | None:
    return (found.fix.edits[0].replacement, found.fix.confidence) if found.fix else None


@pytest.mark.parametrize(
    ("word", "meant"),
    [("yes", "true"), ("No", "false"), ("ON", "true"), ("off", "false"), ("n", "false")],
)
def test_words_for_true_and_false_are_told_apart_from_text(
    world_folder: Path, word: str, meant: str
) -> None:
    (found,) = _found(spec(f"inference: {{add_bos: {word}}}\n"), world_folder)

    assert (found.code, found.span.text) == ("SP0111", word)
    assert _fixed(found) == (meant, Confidence.SURE)


def test_the_same_words_are_text_where_text_belongs(world_folder: Path) -> None:
    init = "prompt_learning: {init: {method: class_labels, labels: [yes, no, on, None]}}\n"

    assert _found(spec(init), world_folder) == []


@pytest.mark.parametrize(
    ("number", "code", "fix"),
    [
        ("1_000", "SP0112", ("1000", Confidence.SURE)),
        ('"1,000"', "SP0103", None),
        ("12:30", "SP0112", ("750", Confidence.GUESS)),
        ('"1000"', "SP0103", ("1000", Confidence.SURE)),
        ("1e3", "SP0103", ("1000", Confidence.SURE)),
        ("010", "SP0114", ("10", Confidence.GUESS)),
        ("0o10", "SP0114", ("8", Confidence.GUESS)),
        ("0x10", "SP0114", ("16", Confidence.GUESS)),
        ("089", "SP0114", ("89", Confidence.GUESS)),
        ("9" * 39 + ":30", "SP0103", None),
    ],
)
def test_numbers_in_other_forms_are_explained(
    world_folder: Path, number: str, code: str, fix: tuple[str, Confidence] | None
) -> None:
    (found,) = _found(spec(training=f"training: {{max_steps: {number}}}"), world_folder)

    assert (found.code, found.span.text) == (code, number)
    assert _fixed(found) == fix


@pytest.mark.parametrize("number", ["1e-3", "1.0e-3", ".001", "1.e-3", "+1e-3"])
def test_numbers_that_only_yaml_1_1_takes_for_text_are_numbers(
    world_folder: Path, number: str
) -> None:
    checked = check(spec(training=f"training: {{optim: {{lr: {number}}}}}"), world_folder)

    assert checked.plan is not None
    assert checked.plan.training.optim.lr == 1e-3


@pytest.mark.parametrize("word", ["None", "none", "nil"])
@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("prompt_learning: {restore_path: WORD}", "restore_path"),
        ("parallelism: {gpu: WORD}", "gpu"),
        ("training: {gradient_clip_val: WORD}", "gradient_clip_val"),
        ("training: {early_stopping: WORD}", "early_stopping"),
    ],
)
def test_none_is_not_null(world_folder: Path, section: str, key: str, word: str) -> None:
    line = section.replace("WORD", word)
    text = spec(training=line) if key.startswith(("grad", "early")) else spec(line + "\n")

    (found,) = _found(text, world_folder)

    assert (found.code, found.span.text) == ("SP0113", word)
    assert _fixed(found) == ("null", Confidence.SURE)


@pytest.mark.parametrize("null", ["null", "~", "Null", "NULL", ""])
def test_null_is(world_folder: Path, null: str) -> None:
    assert _found(spec(f"prompt_learning: {{restore_path: {null}}}\n"), world_folder) == []


def test_a_tilde_is_shown_as_what_it_is(world_folder: Path) -> None:
    (found,) = _found(spec("inference: {seed: ~}\n"), world_folder)

    assert found.message.startswith("`seed` is `~`, which is null; it takes a whole number")


def test_a_quoted_none_is_text(world_folder: Path) -> None:
    found = _found(spec('prompt_learning: {restore_path: "None"}\n'), world_folder)

    assert codes(found) == ["SP0320"]


@pytest.mark.parametrize(
    ("template", "fixed"),
    [
        (
            r"'<|VIRTUAL_PROMPT_0|>{text}\nmood:{mood}'",
            r'"<|VIRTUAL_PROMPT_0|>{text}\nmood:{mood}"',
        ),
        (r"<|VIRTUAL_PROMPT_0|>{text}\n{mood}", r'"<|VIRTUAL_PROMPT_0|>{text}\n{mood}"'),
        (r"'<|VIRTUAL_PROMPT_0|>{text}\t\alpha{mood}'", None),
    ],
)
def test_an_escape_that_is_not_read_is_warned_of(
    world_folder: Path, template: str, fixed: str | None
) -> None:
    text = spec(tasks=task("data: {train: data/train.jsonl}", template=template))

    (found,) = _found(text, world_folder)

    assert found.code == "SP0115"
    assert found.span.text in (r"\n", r"\t")
    assert _fixed(found) == ((fixed, Confidence.GUESS) if fixed else None)


def test_an_escape_in_double_quotes_is_read(world_folder: Path) -> None:
    quoted = r'"<|VIRTUAL_PROMPT_0|>{text}\n{mood}"'
    text = spec(tasks=task("data: {train: data/train.jsonl}", template=quoted))

    assert _found(text, world_folder) == []


def test_a_field_that_is_null_by_mistake_does_not_silence_its_section(world_folder: Path) -> None:
    training = "training: {gradient_clip_val: None, global_batch_size: 10, micro_batch_size: 4}"

    assert seen(_found(spec(training=training), world_folder)) == [
        ("SP0113", "None"),
        ("SP0231", "10"),
    ]


# A task of --set


def test_a_setting_of_a_task_that_is_not_there_says_which_is(world_folder: Path) -> None:
    (found,) = check(spec(), world_folder, settings=["tasks.mod.weight=2"]).diagnostics

    assert (found.code, found.span.text) == ("SP0041", "mod")
    assert found.help == ("did you mean `tasks.mood.weight`?",)


def test_a_whole_task_can_be_set(world_folder: Path) -> None:
    whole = (
        'tasks.tone={prompt_template: "<|VIRTUAL_PROMPT_0|>{text}{mood}", '
        "data: {train: data/train.jsonl}}"
    )

    checked = check(spec(), world_folder, settings=[whole, "tasks.tone.weight=2"])

    assert checked.plan is not None
    assert checked.plan.task("tone").weight == 2
