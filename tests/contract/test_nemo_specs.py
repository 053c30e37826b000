"""NeMo's golden cases, written as specs: the plan that they compile to gives NeMo's rows.

With `whitespace: nemo-2023` those of the containers of 2023.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.data_tokenizer import load_tokenizer
from softprompt_compiler.pipeline import Checked, check_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from softprompt_plan.example import Example
from softprompt_plan.split_encoding import row_encoder
from softprompt_plan.vocabulary import Split, Whitespace
from tests.plan.nemo_cases import NemoCase, item, nemo_cases
from tests.tokenizers_for_tests import NEMO


def _is_training(case: NemoCase) -> bool:
    """Rows of one task with all their fields, as a spec trains on them."""
    settings = case.settings
    special = "<|endoftext|>" in json.dumps(case.records)  # which is EOS for NeMo, and text for us
    return (
        settings["for_train"] and settings["add_eos"] and len(case.templates) == 1 and not special
    )


_CASES = [
    case
    for regime in ("hf434", "hf2023")
    for case in nemo_cases(regime)
    if not case.defects and case.expected["status"] == "ok" and case.records and _is_training(case)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data, and a model that has the tokenizer of the cases."""
    folder = tmp_path_factory.mktemp("nemo")
    model = folder / "model"
    shutil.copytree(NEMO / "tokenizer", model)
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "n_embd": 32,
        "n_layer": 2,
        "n_head": 4,
        "n_positions": 1024,
        "vocab_size": 3072,
        "bos_token_id": 3071,
        "eos_token_id": 3071,
    }
    (model / "config.json").write_text(json.dumps(config), "utf-8")
    (model / "pytorch_model.bin").touch()
    (folder / "train.jsonl").write_text('{"any": "row"}\n', "utf-8")
    return folder


def _spec(case: NemoCase) -> str:
    (template,) = case.templates.values()
    task: dict[str, Any] = {
        "prompt_template": template["prompt_template"],
        "total_virtual_tokens": template["total_virtual_tokens"],
        "virtual_token_splits": template["virtual_token_splits"],
        "truncate_field": template["truncate_field"],
        "answer_field": template["answer_field"],
        "answer_only_loss": template["answer_only_loss"],
        "data": {"train": "train.jsonl"},
    }
    if case.whitespace is Whitespace.NEMO_2023:
        task["whitespace"] = "nemo-2023"
    limit = case.settings["max_seq_length"]
    spec = {
        "version": 1,
        "name": "nemo",
        "model": {"source": "model", "max_seq_length": limit},
        "tasks": {"t": {key: value for key, value in task.items() if value is not None}},
        "training": {"max_steps": 10},
        "inference": {"add_bos": case.settings["add_bos"]},
    }
    return json.dumps(spec, indent=1)  # which is YAML too


# Templates that NeMo takes and a spec may not have: what they say is hardly what is meant.
_REFUSED = {
    "first split is zero": {"SP0104"},
    "last split is zero": {"SP0104"},
    "no markers, no virtual tokens": {"SP0104", "SP0106", "SP0124"},
    "spaces inside braces become part of the field name": {"SP0122"},
    "empty braces": {"SP0122"},
}


def _check(case: NemoCase, folder: Path) -> tuple[Checked, LocalWorld]:
    world = LocalWorld(spec_folder=folder, environment={})
    return check_spec(SourceFile(name="spec.yaml", text=_spec(case)), [], world), world


def _named(cases: list[NemoCase]) -> Any:
    return pytest.mark.parametrize("case", cases, ids=lambda case: f"{case.regime}-{case.name}")


@_named([case for case in _CASES if case.note not in _REFUSED])
def test_a_spec_gives_nemos_rows(case: NemoCase, folder: Path) -> None:
    checked, world = _check(case, folder)
    assert checked.plan is not None, checked.diagnostics
    assert checked.resolved is not None
    (task,) = checked.plan.tasks
    tokenizer, faults = load_tokenizer(checked.resolved, world)
    assert tokenizer is not None, faults

    rows = row_encoder(checked.plan, task, Split.TRAIN, tokenizer).encode_batch(case.records)

    keys = ("input_ids", "answer_start_idx", "loss_mask")
    expected = [{key: row[key] for key in keys} for row in case.expected["items"]]
    assert [item(row) for row in rows if isinstance(row, Example)] == expected


@_named([case for case in _CASES if case.note in _REFUSED])
def test_odd_templates_are_refused_in_a_spec(case: NemoCase, folder: Path) -> None:
    checked, _ = _check(case, folder)
    assert {found.code for found in checked.diagnostics} == _REFUSED[case.note]


def test_both_regimes_are_there() -> None:
    regimes = [case.regime for case in _CASES]
    assert regimes.count("hf434") == regimes.count("hf2023") > 40
