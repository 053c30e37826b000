"""Edges of the rules. The page of each rule in explanations/ shows it once and is run too."""

import json
from pathlib import Path

import pytest

from softprompt_compiler.check.rules import SPEC_CHECKS, TASK_CHECKS
from softprompt_compiler.diagnostic import Confidence, Diagnostic, Severity
from tests.compiler.specs import check, codes, compiled, seen, spec, task

DATA = "data: {train: data/train.jsonl}"
TEST = "data: {train: data/train.jsonl, test: data/test.jsonl}"


def _found(text: str, folder: Path) -> list[Diagnostic]:
    return list(check(text, folder).diagnostics)


def _of_task(folder: Path, *lines: str, template: str = "{text} mood:{mood}") -> list[Diagnostic]:
    quoted = json.dumps("<|VIRTUAL_PROMPT_0|>" + template)
    return _found(spec(tasks=task(*lines, template=quoted)), folder)


def test_every_check_is_a_rule_with_a_code_in_its_docstring() -> None:
    for rule in (*SPEC_CHECKS, *TASK_CHECKS):
        module = __import__(rule.__module__, fromlist=["__doc__"])
        assert "SP0" in (rule.__doc__ or "") + (module.__doc__ or ""), rule.__name__


# Templates, with columns inside the YAML string


@pytest.mark.parametrize(
    ("written", "token"),
    [
        ('"<|VIRTUAL_PROMPT_0|>\\u00e9\\n{text"', "{"),
        ("'<|VIRTUAL_PROMPT_0|>it''s {text'", "{"),
        ("<|VIRTUAL_PROMPT_0|> {text", "{"),
        ("|\n      <|VIRTUAL_PROMPT_0|>\n      some {text", "{"),
    ],
)
def test_a_fault_of_a_template_stands_on_its_character_in_any_style(
    world_folder: Path, written: str, token: str
) -> None:
    found = _found(spec(tasks=task(DATA, template=written)), world_folder)

    assert seen(found) == [("SP0120", token)]
    line = found[0].span.source.line(found[0].span.line)
    assert line[found[0].span.column - 1 :].startswith("{text")


def test_each_fault_of_a_template_is_reported(world_folder: Path) -> None:
    found = _of_task(world_folder, DATA, template="{a b!} }{} <|virtual_prompt_1|>")

    assert codes(found) == ["SP0122", "SP0121", "SP0122", "SP0123"]


def test_a_gap_in_the_markers_is_not_also_a_wrong_number_of_splits(world_folder: Path) -> None:
    found = _of_task(
        world_folder, DATA, "virtual_token_splits: [1, 2, 3]", template="{text}<|VIRTUAL_PROMPT_2|>"
    )

    assert codes(found) == ["SP0126"]


def test_markers_may_stand_in_any_order(world_folder: Path) -> None:
    text = '"<|VIRTUAL_PROMPT_1|>{text}<|VIRTUAL_PROMPT_0|>"'

    assert _found(spec(tasks=task(DATA, template=text)), world_folder) == []


# Answers and other fields


def test_the_answer_in_the_middle_is_fine_with_whole_row_loss(world_folder: Path) -> None:
    lines = ("answer_field: mood", "answer_only_loss: false", DATA)

    assert _of_task(world_folder, *lines, template="{mood} {text}") == []


def test_a_list_of_truncate_fields_is_checked_item_by_item(world_folder: Path) -> None:
    found = _of_task(world_folder, "answer_field: mood", "truncate_field: [text, mood, tex]", DATA)

    assert seen(found) == [("SP0221", "mood"), ("SP0220", "tex")]
    assert found[1].help == ("did you mean `text`?",)


def test_a_misspelt_answer_gets_the_nearest_field_and_no_second_fault(world_folder: Path) -> None:
    found = _of_task(world_folder, "answer_field: modo", DATA)

    assert seen(found) == [("SP0211", "modo")]
    assert found[0].help == ("did you mean `mood`?",)


@pytest.mark.parametrize("ending", [" ", "\n", ":", ": "])
def test_one_space_or_line_break_before_the_answer_is_fine(world_folder: Path, ending: str) -> None:
    assert (
        _of_task(world_folder, "answer_field: mood", DATA, template=f"{{text}}{ending}{{mood}}")
        == []
    )


# Virtual tokens


def test_the_default_is_ten_virtual_tokens_spread_evenly(world_folder: Path) -> None:
    text = '"<|VIRTUAL_PROMPT_0|>{text}<|VIRTUAL_PROMPT_1|><|VIRTUAL_PROMPT_2|>"'
    plan = check(spec(tasks=task(DATA, template=text)), world_folder).plan

    assert plan is not None
    assert plan.tasks[0].virtual_token_splits == (4, 3, 3)


@pytest.mark.parametrize(("tokens", "expected"), [(117, []), (118, ["SP0205"])])
def test_a_prompt_keeps_room_for_one_token_of_text(
    world_folder: Path, tokens: int, expected: list[str]
) -> None:
    text = spec(
        f"inference: {{tokens_to_generate: {tokens}}}\n", tasks=task("answer_field: mood", TEST)
    )

    assert codes(_found(text, world_folder)) == expected


# Training


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ("max_steps: 10, global_batch_size: 4, micro_batch_size: 4", []),
        ("max_steps: 10, global_batch_size: 2, micro_batch_size: 4", ["SP0231"]),
        ("max_steps: 10, optim: {sched: {warmup_steps: 10}}", []),
        ("max_steps: 10, optim: {sched: {warmup_steps: 5, constant_steps: 6}}", ["SP0233"]),
        ("max_steps: 10, optim: {lr: 1e-3, sched: {min_lr: 1e-3}}", []),
        ("max_epochs: 10, optim: {sched: {warmup_steps: 10000}}", []),  # rows decide: SP0354
    ],
)
def test_edges_of_batches_and_schedules(
    world_folder: Path, training: str, expected: list[str]
) -> None:
    text = spec(training=f"training: {{{training}}}")

    assert codes(_found(text, world_folder)) == expected


def test_the_default_warm_up_fits_a_short_run(world_folder: Path) -> None:
    short = check(spec(training="training: {max_steps: 20}"), world_folder).plan
    long = check(spec(training="training: {max_steps: 5000}"), world_folder).plan

    assert short is not None
    assert long is not None
    assert short.training.optim.sched.warmup_steps == 2
    assert long.training.optim.sched.warmup_steps == 50


def test_a_conflict_of_two_defaults_has_one_place_for_both(world_folder: Path) -> None:
    found = _found(spec(training="training: {max_steps: 5, global_batch_size: 6}"), world_folder)

    assert codes(found) == ["SP0231"]
    assert [label.text for label in found[0].secondary] == ["`micro_batch_size` is 4 by default"]


# Fields without effect


@pytest.mark.parametrize(
    ("extra", "token"),
    [
        ("prompt_learning: {encoder: {type: tpmlp, num_layers: 3}}", "num_layers"),
        ("prompt_learning: {encoder: {type: mlp, dropout: 0.1}}", "dropout"),
        ("prompt_learning: {encoder: {type: lstm, init_std: 1}}", "init_std"),
        ("prompt_learning: {encoder: {type: embedding, hidden_size: 8}}", "hidden_size"),
        ("prompt_learning: {encoder: {type: lstm, num_layers: 1, dropout: 0.1}}", "dropout"),
        ("prompt_learning: {virtual_prompt_style: prompt-tuning, encoder: {}}", "encoder"),
        ("prompt_learning: {init: {method: vocabulary, text: hi}}", "text"),
        ("prompt_learning: {init: {labels: [a]}}", "labels"),
        ("inference: {top_k: 3}", "top_k"),
        ("inference: {greedy: true, top_p: 0.5}", "top_p"),
        ("parallelism: {shard_base_model: true}", "shard_base_model"),
    ],
)
def test_a_field_without_effect_is_refused_at_its_key(
    world_folder: Path, extra: str, token: str
) -> None:
    assert seen(_found(spec(extra + "\n"), world_folder)) == [("SP0242", token)]


@pytest.mark.parametrize(
    ("extra", "left"),
    [
        ("inference: {greedy: true, top_k: 3, seed: 1}\n", "inference: {greedy: true, seed: 1}\n"),
        ("inference:\n  seed: 1\n  top_k: 3\n", "inference:\n  seed: 1\n"),
    ],
)
def test_taking_out_a_field_without_effect_is_a_guess(
    world_folder: Path, extra: str, left: str
) -> None:
    (found,) = _found(spec(extra), world_folder)

    assert found.fix is not None
    assert found.fix.confidence is Confidence.GUESS
    (edit,) = found.fix.edits
    text = spec(extra)
    assert text[: edit.span.start] + edit.replacement + text[edit.span.end :] == spec(left)


@pytest.mark.parametrize(
    "extra",
    [
        "prompt_learning: {encoder: {type: mlp, hidden_size: 2048, dropout: 0.0, init_std: 0.023}}",
        "inference: {greedy: true, top_k: 0, top_p: 1.0, temperature: 1.0}",
        "inference: {greedy: false, top_k: 5, top_p: 0.9, temperature: 0.5}",
        "training: {max_steps: 9, optim: {sched: {name: constant, warmup_steps: 3, min_lr: 0}}}",
    ],
)
def test_a_field_that_repeats_its_default_or_counts_is_let_pass(
    world_folder: Path, extra: str
) -> None:
    key = extra.partition(":")[0]
    text = spec(training=extra) if key == "training" else spec(extra + "\n")

    assert _found(text, world_folder) == []


def test_without_a_field_to_cut_there_is_no_side_to_cut(world_folder: Path) -> None:
    side = "truncate_side: left"

    assert seen(_of_task(world_folder, DATA, side)) == [("SP0242", "truncate_side")]
    assert _of_task(world_folder, DATA, "truncate_side: right") == []
    assert _of_task(world_folder, DATA, "truncate_field: text", side) == []


def test_a_constant_schedule_does_not_end_lower(world_folder: Path) -> None:
    sched = "sched: {name: constant, min_lr: 1e-5, constant_steps: 4}"
    text = spec(training=f"training: {{max_steps: 9, optim: {{{sched}}}}}")

    assert seen(_found(text, world_folder)) == [("SP0242", "min_lr"), ("SP0242", "constant_steps")]


def test_only_a_hub_id_has_a_revision(world_folder: Path) -> None:
    text = spec(model="model: {source: models/tiny, max_seq_length: 128, revision: main}")

    assert seen(_found(text, world_folder)) == [("SP0242", "revision")]


# What is not built yet


@pytest.mark.parametrize(
    ("extra", "token"),
    [
        ("training: {max_steps: 9, loggers: [csv, wandb]}", "wandb"),
        ("training: {max_steps: 9, loggers: [mlflow]}", "mlflow"),
    ],
)
def test_what_is_not_built_is_refused_with_what_works(
    world_folder: Path, extra: str, token: str
) -> None:
    text = spec(training=extra) if extra.startswith("training") else spec(extra + "\n")
    found = _found(text, world_folder)

    assert seen(found) == [("SP0108", token)]
    assert found[0].help


@pytest.mark.parametrize(
    "layout",
    [
        "devices: 2",
        "num_nodes: 2}\nlaunch: {target: slurm",
        "devices: 2, tensor_model_parallel_size: 2",
        "devices: 2, pipeline_model_parallel_size: 2",
        "devices: 2, tensor_model_parallel_size: 2, sequence_parallel: true",
        "activations_checkpoint: selective",
        "activations_checkpoint: full",
    ],
)
def test_every_kind_of_layout_is_compiled(world_folder: Path, layout: str) -> None:
    done = compiled(spec(f"parallelism: {{{layout}}}\n"), world_folder)

    assert done.diagnostics == ()
    assert done.files is not None


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("h100", "H100-80GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-80GB"),
        ("H100_80G", "H100-80GB"),
        ("V100 32GB", "V100-32GB"),
        ("H10-80GB", "H100-80GB"),
    ],
)
def test_a_gpu_by_another_name_is_recognised(world_folder: Path, name: str, meant: str) -> None:
    found = _found(spec(f"parallelism: {{gpu: {name}}}\n"), world_folder)

    assert seen(found) == [("SP0130", name)]
    assert found[0].help[0] == f"did you mean `{meant}`?"


def test_a_nemo_checkpoint_is_refused(world_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "gpt.nemo").touch()
    (tmp_path / "data").symlink_to(world_folder / "data")

    found = _found(spec(model="model: {source: gpt.nemo}"), tmp_path)

    assert seen(found) == [("SP0108", "gpt.nemo"), ("SP0311", "gpt.nemo")]


# Advice


def test_advice_is_a_warning(world_folder: Path) -> None:
    text = spec("prompt_learning: {init: {method: random}}\n")

    assert [each.severity for each in _found(text, world_folder)] == [Severity.WARNING]


def test_an_encoder_may_learn_slowly(world_folder: Path) -> None:
    text = spec(training="training: {max_steps: 9, optim: {lr: 1e-5}}")

    assert _found(text, world_folder) == []


@pytest.mark.parametrize("limits", ["", "max_rows: {}, ", "max_rows: {train: null}, "])
def test_a_seed_that_draws_no_rows_is_refused(world_folder: Path, limits: str) -> None:
    data = f"data: {{train: data/train.jsonl, {limits}shuffle_seed: 1}}"

    assert seen(_of_task(world_folder, data)) == [("SP0242", "shuffle_seed")]


def test_a_seed_that_draws_rows_of_any_split_is_used(world_folder: Path) -> None:
    data = "data: {train: data/train.jsonl, max_rows: {test: 1}, shuffle_seed: 1}"

    assert _of_task(world_folder, data) == []


def test_an_interval_of_validations_that_never_come_is_refused(world_folder: Path) -> None:
    every = "training: {max_steps: 100, val_check_interval: 10}"
    validated = "data: {train: data/train.jsonl, validation: data/validation.jsonl}"

    assert seen(_found(spec(training=every), world_folder)) == [("SP0242", "val_check_interval")]
    text = spec(training=every, tasks=task("answer_field: mood", validated))
    assert _found(text, world_folder) == []


def test_the_default_of_a_misspelt_field_is_not_judged(world_folder: Path) -> None:
    """8 devices that share each layer are one replica: no batch size is at fault."""
    text = spec("parallelism: {devices: 8, tensor_parallel_size: 8}\n")

    assert [code for code, _ in seen(check(text, world_folder).diagnostics)] == ["SP0101"]
