"""The ids that `spec preview` shows are those that the runtime feeds."""

import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_compiler.cli.app import run
from softprompt_compiler.pipeline import check_spec
from softprompt_compiler.source import SourceFile
from softprompt_compiler.world import LocalWorld
from softprompt_plan.example import Unfit
from softprompt_plan.vocabulary import Split
from softprompt_runtime.examples import load_examples
from softprompt_runtime.run import open_run
from softprompt_runtime.tokenizer import load_tokenizer
from tests.tiny_model_folder import write_tiny_model

SPEC = """\
version: 1
name: mood
model: {source: model, max_seq_length: 48}
tasks:
  mood:
    prompt_template: "<|VIRTUAL_PROMPT_0|> Text: {text} <|VIRTUAL_PROMPT_1|>\\nMood:{mood}"
    virtual_token_splits: [3, 2]
    total_virtual_tokens: 5
    truncate_field: text
    answer_field: mood
    data: {train: [a.jsonl, b.csv], validation: b.csv, test: [b.csv, a.jsonl], too_long: skip}
  whole:
    prompt_template: "{text}<|VIRTUAL_PROMPT_0|>{mood} "
    total_virtual_tokens: 2
    data: {train: a.jsonl, too_long: skip}
training: {max_steps: 2, optim: {sched: {warmup_steps: 1}}}
inference: {tokens_to_generate: 6, add_bos: true}
"""
ROWS = [
    {"text": "short", "mood": " glad"},
    {"text": "a text that is much longer than the row may be, so it is cut", "mood": " sad"},
    {"text": "\u6771\u4eac \U0001f680 <s> {mood} ", "mood": "no space"},
    {"text": "fits", "mood": " an answer that is so long that nothing that is cut makes it fit"},
    {"text": "", "mood": " empty"},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_tiny_model(tmp_path / "model")
    (tmp_path / "spec.yaml").write_text(SPEC, "utf-8")
    lines = [json.dumps(row) + "\n" for row in ROWS]
    (tmp_path / "a.jsonl").write_text("".join(lines), "utf-8")
    (tmp_path / "b.csv").write_text('text,mood\n"two\nlines", glad\nx, sad\n', "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shown(capsys: pytest.CaptureFixture[str], split: Split) -> list[dict[str, Any]]:
    arguments = ["preview", "spec.yaml", "--rows", "all", "--split", split.value, "-o", "json"]
    assert run(arguments) == 0
    return json.loads(capsys.readouterr().out)["rows"]


@pytest.mark.parametrize("split", list(Split))
def test_preview_and_runtime_agree_in_every_row(
    split: Split, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = SourceFile(name="spec.yaml", text=SPEC)
    plan = check_spec(source, [], LocalWorld(spec_folder=folder, environment={})).plan
    assert plan is not None
    ready = open_run(plan, spec_folder=folder)
    examples = load_examples(ready, load_tokenizer(ready), split)

    rows = shown(capsys, split)
    kept = [row for row in rows if split is Split.TEST or row["status"] != "unfit"]
    assert len(kept) == len(examples)
    for at, row in enumerate(kept):
        origin, example = examples.origin(at), examples[at]
        assert (row["task"], row["line"]) == (origin.task, origin.line)
        assert (folder / row["file"]).samefile(origin.file)
        if isinstance(example, Unfit):
            assert row["status"] == "unfit"
            continue
        assert tuple(row["input_ids"]) == example.input_ids
        assert row["answer_start"] == example.answer_start
        if split is not Split.TEST:
            assert tuple(row["loss_mask"]) == example.loss_mask
    if split is Split.TRAIN:
        assert {row["status"] for row in rows} == {"ok", "cut", "unfit"}
        assert sum(examples.num_skipped.values()) == len(rows) - len(kept)
