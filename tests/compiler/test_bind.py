import pytest

from softprompt_compiler.bind import Bound, bind
from softprompt_compiler.diagnostic import Diagnostic, in_source_order
from softprompt_compiler.parse import parse
from softprompt_compiler.source import SourceFile
from softprompt_compiler.spec.section import DamagedFieldError
from tests.compiler.specs import SPEC, seen, spec, task


def _bind(text: str) -> Bound:
    tree = parse(SourceFile(name="spec.yaml", text=text)).tree
    assert tree is not None
    return bind(tree)


def _found(text: str) -> list[Diagnostic]:
    return in_source_order(_bind(text).diagnostics)


def _only(text: str) -> Diagnostic:
    (found,) = _found(text)
    return found


def test_a_sound_spec_binds_without_a_word() -> None:
    bound = _bind(SPEC)

    assert bound.diagnostics == ()
    assert bound.spec.tasks["mood"].answer_field == "mood"


def test_an_unknown_field_is_reported_at_its_key_with_the_nearest_name() -> None:
    found = _only(spec(training="training: {max_stebs: 3}"))

    assert (found.code, found.span.text) == ("SP0101", "max_stebs")
    assert found.help == ("did you mean `max_steps`?",)
    assert found.fix is not None
    assert found.fix.edits[0].replacement == "max_steps"


def test_an_unknown_field_that_belongs_elsewhere_is_sent_there() -> None:
    found = _only(spec(training="training: {warmup_steps: 3}"))

    assert found.help == ("it is a field elsewhere: `training.optim.sched.warmup_steps`",)
    assert found.fix is None


def test_an_unknown_field_like_no_other_gets_the_list() -> None:
    found = _only(spec("launch: {torchrun: {zzz: 3}}\n"))

    assert found.help == ("there is `max_restarts`, `rendezvous`, `network_interface`",)


def test_a_missing_field_is_reported_at_the_key_of_its_section() -> None:
    found = _only(spec(tasks="tasks:\n  mood: {data: {train: x}}"))

    assert (found.code, found.span.text) == ("SP0102", "mood")
    assert found.message == "`tasks.mood` lacks `prompt_template`"


def test_a_field_missing_from_the_spec_itself_is_reported_at_its_start() -> None:
    found = _only(spec(model=""))

    assert (found.code, found.span.line, found.span.column) == ("SP0102", 1, 1)


def test_a_section_left_empty_is_no_mapping() -> None:
    found = _only(spec("inference:\n"))

    assert (found.code, found.span.text) == ("SP0103", "inference")
    assert found.message == "`inference` is left empty; it takes a mapping"


@pytest.mark.parametrize(
    ("field", "token", "message"),
    [
        ("max_steps: '3'", "'3'", "`max_steps` is the text `3`;"),
        ("max_steps: 3.0", "3.0", "`max_steps` is the number 3.0;"),
        ("max_steps: true", "true", "`max_steps` is `true`;"),
        ("max_steps: [1]", "[1]", "`max_steps` is a list of 1;"),
        ("loggers: csv", "csv", "`loggers` is the text `csv`;"),
        ("loggers: [csv, 3]", "3", "`loggers[1]` is the number 3;"),
        ("optim: {betas: [0.9]}", "[0.9]", "`betas` is a list of 1;"),
        ("optim: {betas: [0.9, 0.9, 0.9]}", "[0.9, 0.9, 0.9]", "`betas` is a list of 3;"),
        ("optim: 3", "3", "`optim` is the number 3; it takes a mapping"),
        ("early_stopping: true", "true", "`early_stopping` is `true`;"),
    ],
)
def test_a_wrong_type_is_reported_at_the_value(field: str, token: str, message: str) -> None:
    found = _only(spec(training=f"training: {{{field}}}"))

    assert (found.code, found.span.text) == ("SP0103", token)
    assert found.message.startswith(message)


def test_a_type_that_quotes_would_mend_is_mended() -> None:
    too_many = _only(spec(training="training: {max_steps: '30'}"))
    too_few = _only(spec("launch: {environment: {THREADS: 2}}\n"))

    assert too_many.fix is not None
    assert too_many.fix.edits[0].replacement == "30"
    assert too_few.fix is not None
    assert too_few.fix.edits[0].replacement == '"2"'


@pytest.mark.parametrize(
    ("field", "token"),
    [
        ("micro_batch_size: 0", "0"),
        ("seed: 4294967296", "4294967296"),
        ("gradient_clip_val: 0", "0"),
        ("val_check_interval: 0", "0"),
        ("val_check_interval: 1.5", "1.5"),
        ("optim: {lr: .inf}", ".inf"),
        ("optim: {betas: [0.9, 1]}", "1"),
    ],
)
def test_a_number_out_of_range_is_reported_at_the_value(field: str, token: str) -> None:
    assert seen(_found(spec(training=f"training: {{{field}}}"))) == [("SP0104", token)]


def test_a_union_has_one_finding_and_no_tag_in_its_place() -> None:
    assert seen(_found(spec(tasks=task("data: {train: [a, 3]}")))) == [("SP0103", "3")]
    assert seen(_found(spec(tasks=task("data: {train: 3}")))) == [("SP0103", "3")]
    assert seen(_found(spec(tasks=task("data: {train: []}")))) == [("SP0106", "[]")]
    assert seen(_found(spec(tasks=task("data: {train: ''}")))) == [("SP0106", "''")]


def test_a_choice_in_other_letters_is_recognised() -> None:
    found = _only(spec("prompt_learning: {encoder: {type: MLP}}\n"))

    assert found.code == "SP0105"
    assert found.help[0] == "did you mean `mlp`?"


@pytest.mark.parametrize("name", ["a b", "", "-a", ".", "a/b", "x" * 65, "caf\u00e9"])
def test_a_name_that_is_no_file_name_is_refused(name: str) -> None:
    found = _found(spec().replace("name: mood", f'name: "{name}"'))

    assert seen(found) == [("SP0107", f'"{name}"')]


def test_a_task_with_an_unusable_name_is_checked_all_the_same() -> None:
    text = 'tasks:\n  "my mood": {prompt_template: "{", data: {train: x}, truncate_side: up}'

    assert seen(_found(spec(tasks=text))) == [("SP0107", '"my mood"'), ("SP0105", "up")]


def test_an_unusable_name_of_an_otherwise_sound_spec_is_the_only_fault() -> None:
    task = 'tasks:\n  "my mood": {prompt_template: "{", data: {train: x}}'

    assert seen(_found(spec(tasks=task))) == [("SP0107", '"my mood"')]
    assert seen(_found(spec("launch: {environment: {A-B: x}}\n"))) == [("SP0107", "A-B")]


def test_a_mapping_with_an_unusable_name_can_be_read() -> None:
    bound = _bind(spec(tasks='tasks: {"my mood": {prompt_template: "{", data: {train: x}}}'))

    assert bound.spec.tasks["my mood"].data.train == "x"


def test_no_tasks_at_all_is_empty() -> None:
    assert seen(_found(spec(tasks="tasks: {}"))) == [("SP0106", "{}")]


def test_the_sound_fields_of_a_faulty_section_can_be_read() -> None:
    bound = _bind(spec(training="training: {seed: x, max_steps: 7, optim: {lr: 0, betas: [0, 0]}}"))

    assert bound.spec.training.max_steps == 7
    assert bound.spec.training.optim.betas == (0, 0)
    assert bound.spec.training.micro_batch_size == 4
    with pytest.raises(DamagedFieldError):
        _ = bound.spec.training.seed
    with pytest.raises(DamagedFieldError):
        _ = bound.spec.training.optim.lr


def test_a_long_value_is_shortened_in_the_message() -> None:
    found = _only(spec(training=f'training: {{max_steps: "{"9" * 5000}"}}'))

    assert len(found.message) < 200


@pytest.mark.parametrize("value", [2**31, 10**30])
def test_a_number_beyond_the_largest_is_told_the_largest(value: int) -> None:
    found = _only(spec(training=f"training: {{max_steps: {value}}}"))

    assert (found.code, found.help) == ("SP0104", (f"the largest number here is {2**31 - 1}",))


@pytest.mark.parametrize("value", [".inf", ".nan"])
def test_a_number_that_is_not_finite_is_told_so(value: str) -> None:
    found = _only(spec(training=f"training: {{max_steps: 3, gradient_clip_val: {value}}}"))

    assert (found.code, found.help) == ("SP0104", ("neither `.inf` nor `.nan` is a value here",))


@pytest.mark.parametrize(
    ("value", "meant"), [("16", "16-mixed"), ("32", "32-true"), ("bf16", "bf16-mixed")]
)
def test_the_short_words_for_a_precision_lead_to_the_whole_ones(value: str, meant: str) -> None:
    found = _only(spec(training=f"training: {{max_steps: 3, precision: {value}}}"))

    assert found.help[0] == f"did you mean `{meant}`?"
    assert found.fix is not None
    assert (found.fix.confidence.value, found.fix.edits[0].replacement) == ("guess", meant)
