from pathlib import Path
from typing import Any

import pytest
import torch

from softprompt_plan.vocabulary import EncoderType, InitMethod, PromptStyle
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.prompt_learner import PromptLearner, create_prompt_learner
from softprompt_runtime.tokenizer import load_tokenizer
from tests.runtime.plans import tiny_plan, tiny_task
from tests.runtime.training_runs import make_ready, train, write_rows

FREE: dict[str, Any] = {
    "prompt_learning": {"virtual_prompt_style": PromptStyle.PROMPT_TUNING, "encoder": None}
}
TEXT: dict[str, Any] = {"init": {"method": InitMethod.TEXT, "text": "ab"}}


def learner_of(folder: Path, **changes: Any) -> PromptLearner:
    write_rows(folder, "other")
    return make_ready(tiny_plan(**changes), folder).learner


def test_prompt_tuning_trains_the_tables_themselves(folder: Path) -> None:
    learner = learner_of(folder, sections=FREE)

    (parameter,) = learner.trainable_parameters()
    assert torch.equal(learner.tables()["mood"], parameter)
    assert learner.encoder is None


@pytest.mark.parametrize("kind", list(EncoderType))
def test_p_tuning_starts_at_the_init_rows_bit_for_bit(folder: Path, kind: EncoderType) -> None:
    free = learner_of(folder, sections={**FREE, **TEXT})
    learner = learner_of(folder, sections={"encoder": {"type": kind}, **TEXT})

    assert torch.equal(learner.tables()["mood"], free.tables()["mood"])


@pytest.mark.parametrize("method", [InitMethod.TEXT, InitMethod.VOCABULARY, InitMethod.RANDOM])
def test_every_init_method_gives_rows_of_the_base_models_size(
    folder: Path, method: InitMethod
) -> None:
    ready = make_ready(
        tiny_plan(sections={"init": {"method": method, "text": "ab", "labels": ("a", "b")}}), folder
    )

    table = ready.learner.tables()["mood"]
    assert table.shape == (4, ready.base_model.width)
    spread = ready.base_model.embed(torch.arange(100)).std().item()
    assert 0.5 * spread < table.std().item() < 2 * spread


def test_class_labels_start_from_their_tokens(folder: Path) -> None:
    ready = make_ready(
        tiny_plan(sections={"init": {"method": InitMethod.CLASS_LABELS, "labels": ("a", "b")}}),
        folder,
    )

    ids = [load_tokenizer(ready.run).encode_continuation(text)[0] for text in "abab"]
    expected = ready.base_model.embed(torch.tensor(ids))
    assert torch.equal(ready.learner.tables()["mood"], expected)


def test_encoder_input_is_noise_at_the_scale_of_embeddings(folder: Path) -> None:
    learner = learner_of(folder, tasks=(tiny_task(virtual_token_splits=(30,)),))

    base = make_ready(tiny_plan(), folder).base_model.embed(torch.arange(200))
    assert learner.get_parameter("_rows.0").std().item() == pytest.approx(
        base.std().item(), rel=0.15
    )


def test_tasks_with_the_same_init_get_virtual_tokens_of_their_own(folder: Path) -> None:
    tasks = (tiny_task(), tiny_task("other"))
    learner = learner_of(folder, tasks=tasks, sections=TEXT)
    tables = learner.tables()
    assert torch.equal(tables["mood"], tables["other"]), "they share the init text"

    with torch.no_grad():  # the first movement of the shared encoder tells them apart
        assert learner.encoder is not None
        assert learner.encoder.output_layer is not None
        learner.encoder.output_layer.weight.normal_(generator=torch.Generator().manual_seed(0))
    moved = learner.tables()

    assert not torch.allclose(moved["mood"], moved["other"])
    differences = [(moved["mood"][i] - moved["mood"][j]).norm() for i in range(4) for j in range(i)]
    assert min(differences) > 0.1, "also rows that start equal part"


def test_one_encoder_serves_all_tasks(folder: Path) -> None:
    one = learner_of(folder)
    two = learner_of(folder, tasks=(tiny_task(), tiny_task("other", virtual_token_splits=(6,))))

    shared = sum(p.numel() for p in one.parameters()) - 4 * 32
    assert sum(p.numel() for p in two.parameters()) == shared + (4 + 6) * 32


def test_a_task_starts_the_same_whatever_tasks_are_beside_it(folder: Path) -> None:
    alone = learner_of(folder)
    beside = learner_of(folder, tasks=(tiny_task("other"), tiny_task()))

    assert torch.equal(alone.tables()["mood"], beside.tables()["mood"])
    assert torch.equal(alone.get_parameter("_rows.0"), beside.get_parameter("_rows.1"))


def test_first_values_do_not_depend_on_what_drew_numbers_before(folder: Path) -> None:
    ready = make_ready(tiny_plan(), folder)
    before = {name: value.clone() for name, value in ready.learner.state_dict().items()}
    torch.rand(100)
    state = torch.get_rng_state()

    again = create_prompt_learner(ready.run, ready.base_model, load_tokenizer(ready.run))

    assert all(torch.equal(value, before[name]) for name, value in again.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state), "nor does it move the global generator"


def test_parameters_are_float32_in_front_of_a_bfloat16_model(folder: Path) -> None:
    learner = learner_of(folder, sections={"model": {"dtype": "bfloat16"}})

    assert {value.dtype for value in learner.state_dict().values()} == {torch.float32}
    assert learner.tables()["mood"].dtype == torch.float32


def test_tables_stay_float32_under_autocast(folder: Path) -> None:
    learner = learner_of(folder)
    with torch.no_grad():
        assert learner.encoder is not None
        assert learner.encoder.output_layer is not None
        learner.encoder.output_layer.weight.normal_()
    exact = learner.tables()["mood"]

    with torch.autocast("cpu", dtype=torch.bfloat16):
        table = learner.tables()["mood"]

    assert table.dtype == torch.float32
    assert torch.equal(table, exact), "the encoder computes in float32, too"


def test_a_trained_prompt_of_another_length_is_no_start(folder: Path) -> None:
    train(folder, name="old")
    sections = {"init": {"method": InitMethod.PROMPT, "path": "runs/old/soft_prompt"}}

    with pytest.raises(RunFailure, match="has 4 virtual tokens, and task 'mood' has 5"):
        learner_of(folder, tasks=(tiny_task(virtual_token_splits=(5,)),), sections=sections)


def test_a_trained_prompt_of_one_task_starts_any_other(folder: Path) -> None:
    old = train(folder, name="old")
    sections = {"init": {"method": InitMethod.PROMPT, "path": "runs/old/soft_prompt"}}

    learner = learner_of(
        folder,
        tasks=(
            tiny_task(
                "mood",
                prompt_template="{text}{label}<|VIRTUAL_PROMPT_0|>",
                answer_field=None,
                answer_only_loss=False,
            ),
        ),
        sections=sections,
    )

    assert torch.equal(learner.tables()["mood"], old["mood"])


def test_restoring_every_task_leaves_nothing_to_train(folder: Path) -> None:
    train(folder, name="old")
    sections = {"prompt_learning": {"restore_path": "runs/old/soft_prompt"}}

    with pytest.raises(RunFailure, match="nothing is trained"):
        learner_of(folder, sections=sections)


def test_a_restored_task_must_have_its_template(folder: Path) -> None:
    train(folder, name="old")
    sections = {"prompt_learning": {"restore_path": "runs/old/soft_prompt"}}
    changed = tiny_task(prompt_template="<|VIRTUAL_PROMPT_0|>{text} feeling:{label}")

    with pytest.raises(RunFailure, match="was trained with prompt_template: "):
        learner_of(folder, tasks=(changed, tiny_task("other")), sections=sections)


def test_a_path_with_an_unset_variable_is_a_failure(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NOWHERE", raising=False)
    sections = {"prompt_learning": {"restore_path": "${NOWHERE}/soft_prompt"}}

    with pytest.raises(RunFailure, match="NOWHERE is not set"):
        learner_of(folder, sections=sections)
