from typing import Annotated, Any, cast

import pytest
from pydantic import TypeAdapter, ValidationError

from softprompt_compiler.spec.describe import field_shape, in_words, item_shape, section_of
from softprompt_compiler.spec.section import DamagedFieldError, Section
from softprompt_compiler.spec.spec import Spec
from softprompt_compiler.spec.training import OptimSection, TrainingSection
from softprompt_compiler.spec.walk import all_fields, field_path, section_at, shape_at


def _sections(section: type[Section] = Spec) -> list[type[Section]]:
    found = [section]
    for field in section.model_fields.values():
        shape = field_shape(field)
        items = item_shape(shape)
        inner = section_of(shape) or (section_of(items) if items else None)
        if inner:
            found += _sections(inner)
    return found


@pytest.mark.parametrize("section", _sections(), ids=lambda each: each.__name__)
def test_every_field_says_what_it_means_in_whole_sentences(section: type[Section]) -> None:
    for name, field in section.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


@pytest.mark.parametrize("section", _sections(), ids=lambda each: each.__name__)
def test_every_field_but_the_required_ones_shows_a_value(section: type[Section]) -> None:
    """Where the default is null, an example shows what a value looks like."""
    for name, field in section.model_fields.items():
        if not field.is_required() and field.get_default(call_default_factory=True) is None:
            assert field.examples, name


@pytest.mark.parametrize("section", _sections(), ids=lambda each: each.__name__)
def test_examples_are_values_that_the_field_takes(section: type[Section]) -> None:
    for field in section.model_fields.values():
        kind = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
        for example in field.examples or ():
            TypeAdapter[Any](cast("Any", kind), config=Section.model_config).validate_python(
                example
            )


def test_only_what_nothing_could_stand_in_for_is_required() -> None:
    required = [
        f"{section.__name__}.{name}"
        for section in _sections()
        for name, field in section.model_fields.items()
        if field.is_required()
    ]

    assert required == [
        "Spec.version",
        "Spec.name",
        "Spec.model",
        "Spec.tasks",
        "ModelSection.source",
        "TaskSection.prompt_template",
        "TaskSection.data",
        "DataSection.train",
    ]


def test_sections_are_frozen_closed_and_uncoerced() -> None:
    with pytest.raises(ValidationError):
        OptimSection.model_validate({"lr": "0.1"})
    with pytest.raises(ValidationError):
        OptimSection.model_validate({"learning_rate": 0.1})
    with pytest.raises(ValidationError):
        OptimSection().lr = 3  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("value", [float("inf"), float("nan"), 10**400])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ValidationError):
        OptimSection.model_validate({"lr": value})


def test_a_field_that_is_not_there_says_so_when_read() -> None:
    partial = TrainingSection.model_construct()
    object.__delattr__(partial, "seed")

    with pytest.raises(DamagedFieldError, match="seed"):
        _ = partial.seed
    with pytest.raises(AttributeError):
        _ = partial.sede  # pyright: ignore


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("version",), "a whole number equal to 1"),
        (("model", "max_seq_length"), "a whole number of at least 2"),
        (("training", "seed"), "a whole number of at least 0 and of at most 4294967295"),
        (
            ("training", "val_check_interval"),
            "a whole number of at least 1 or a number above 0 and of at most 1",
        ),
        (("training", "gradient_clip_val"), "a number above 0 or null"),
        (("training", "optim", "betas"), "a list of 2 numbers of at least 0 and below 1"),
        (("training", "early_stopping"), "a mapping or null"),
        (("tasks", "x", "truncate_field"), "text, a list of texts, or null"),
        (("tasks", "x", "data", "fields"), "a mapping of names to texts"),
        (("launch", "target"), "one of `local`, `torchrun`, `slurm`, `kubernetes`, `skypilot`"),
        (("inference", "greedy"), "`true` or `false`"),
        (("training", "loggers"), "a list of words out of `csv`, `tensorboard`, `wandb`, `mlflow`"),
    ],
)
def test_a_type_in_words(path: tuple[str, ...], words: str) -> None:
    assert in_words(shape_at(path)) == words


def test_all_fields_of_the_language_are_found() -> None:
    fields = list(all_fields())

    assert "tasks.NAME.data.too_long" in fields
    assert "training.optim.sched.warmup_steps" in fields
    assert len(fields) == len(set(fields)) == 139


def test_paths_lead_to_sections_and_fields() -> None:
    assert section_at(("training", "optim")) is OptimSection
    assert field_path(("tasks", "x", "virtual_token_splits", 1)) == (
        "tasks",
        "x",
        "virtual_token_splits",
    )
    assert field_path(("training", "unknown")) == ("training", "unknown")
