from pathlib import Path

from hypothesis import given

from softprompt_compiler.defaults import splits
from softprompt_compiler.spec.task import DataSection, TaskSection
from softprompt_plan.plan import EarlyStoppingPlan, Plan
from softprompt_plan.serialize import from_json, to_json
from softprompt_plan.vocabulary import LoggerName, ModelSourceKind, PromptStyle
from tests.compiler.specs import SPEC, check, spec, task
from tests.spec_strategies import Spec, as_yaml, specs

BOTH = "data: {train: data/train.jsonl, validation: data/validation.jsonl}"


def _plan(text: str, folder: Path) -> Plan:
    plan = check(text, folder).plan
    assert plan is not None
    return plan


@given(specs())
def test_a_plan_is_complete_and_survives_its_json(world_folder: Path, generated: Spec) -> None:
    plan = _plan(as_yaml(generated), world_folder)

    assert from_json(to_json(plan)) == plan


def test_the_defaults_of_a_small_spec(world_folder: Path) -> None:
    plan = _plan(SPEC, world_folder)

    assert plan.model.kind is ModelSourceKind.FOLDER
    assert plan.tasks[0].virtual_token_splits == (10,)
    assert plan.tasks[0].answer_only_loss
    assert plan.prompt_learning.virtual_prompt_style is PromptStyle.P_TUNING
    assert plan.prompt_learning.encoder is not None
    assert plan.training.max_epochs is None
    assert plan.training.early_stopping is None
    assert plan.training.loggers == (LoggerName.CSV, LoggerName.TENSORBOARD)


def test_a_run_of_no_stated_length_has_ten_epochs(world_folder: Path) -> None:
    plan = _plan(spec(training=""), world_folder)

    assert (plan.training.max_epochs, plan.training.max_steps) == (10, None)


def test_the_loss_is_of_the_whole_row_without_an_answer(world_folder: Path) -> None:
    plan = _plan(spec(tasks=task("data: {train: data/train.jsonl}")), world_folder)

    assert not plan.tasks[0].answer_only_loss


def test_early_stopping_is_on_where_every_task_has_validation_rows(world_folder: Path) -> None:
    validated = spec(tasks=task(BOTH))
    half = spec(
        tasks=task(BOTH)
        + task("data: {train: data/train.jsonl}").split("\n", 1)[1].replace("mood:", "tone:", 1)
    )
    never = spec(tasks=task(BOTH), training="training: {max_steps: 9, early_stopping: null}")

    assert _plan(validated, world_folder).training.early_stopping == EarlyStoppingPlan(
        patience=10, min_delta=0.001
    )
    assert _plan(half, world_folder).training.early_stopping is None
    assert _plan(never, world_folder).training.early_stopping is None


def test_prompt_tuning_has_no_encoder(world_folder: Path) -> None:
    extra = "prompt_learning: {virtual_prompt_style: prompt-tuning}\n"

    assert _plan(spec(extra), world_folder).prompt_learning.encoder is None


def test_paths_stand_in_the_plan_as_the_spec_has_them(world_folder: Path) -> None:
    text = spec(tasks=task("data: {train: ['${X:-data}/train.jsonl', 'data/*st.jsonl']}"))

    train = _plan(text, world_folder).tasks[0].data.train

    assert train == ("${X:-data}/train.jsonl", "data/*st.jsonl")


def test_tasks_and_mappings_keep_the_order_of_the_spec(world_folder: Path) -> None:
    environment = "launch: {environment: {B: '1', A: '2'}}\n"

    assert _plan(spec(environment), world_folder).launch.environment == (("B", "1"), ("A", "2"))


def test_a_total_is_spread_evenly_over_the_markers() -> None:
    section = TaskSection(prompt_template="x", total_virtual_tokens=11, data=DataSection(train="a"))

    assert splits(section, 3) == (4, 4, 3)
