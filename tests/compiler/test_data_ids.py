"""Ids beyond the embeddings are a fault only where they are used."""

import json
from pathlib import Path

import pytest

from tests.compiler.specs import check, seen, spec, task

ROWS = [{"text": "aa", "mood": "a"}, {"text": "ab", "mood": "a"}, {"text": "ac", "mood": "b"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of 4 embeddings whose tokenizer has a fifth token, `b`."""
    model = tmp_path / "models" / "tiny"
    model.mkdir(parents=True)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 4}
    (model / "config.json").write_text(json.dumps({"model_type": "llama", **sizes}))
    (model / "tokenizer_config.json").write_text('{"eos_token": "</s>", "unk_token": "<unk>"}')
    vocab = {"<unk>": 0, "</s>": 1, "a": 2, "c": 3, "b": 4}
    bpe = {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>"}
    (model / "tokenizer.json").write_text(json.dumps({"model": bpe}))
    (model / "pytorch_model.bin").touch()
    return tmp_path


def found(folder: Path, rows: list[dict[str, str]], text: str) -> list[tuple[str, str]]:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return seen(check(text, folder, read_data=True).diagnostics)


def mood(split: str = "{train: rows.jsonl}", *lines: str) -> str:
    template = '"<|VIRTUAL_PROMPT_0|>{text}{mood}"'
    return task(f"data: {split}", "answer_field: mood", *lines, template=template)


def test_a_token_that_no_row_uses_is_no_fault(folder: Path) -> None:
    assert found(folder, ROWS[:1], spec(tasks=mood())) == []


def test_each_row_that_uses_it_is_told(folder: Path) -> None:
    codes = [code for code, _ in found(folder, ROWS, spec(tasks=mood()))]

    assert codes == ["SP0337", "SP0337"]


def test_a_token_that_is_cut_away_is_not_used(folder: Path) -> None:
    rows = [{"text": "a" * 200 + "b", "mood": "a"}]
    text = spec(tasks=mood("{train: rows.jsonl}", "truncate_field: text"))

    assert found(folder, rows, text) == []


def test_the_answer_of_a_test_row_is_never_seen_by_the_model(folder: Path) -> None:
    (folder / "train.jsonl").write_text(json.dumps(ROWS[0]) + "\n")
    text = spec(tasks=mood("{train: train.jsonl, test: rows.jsonl}", "metrics: [exact_match]"))

    assert found(folder, ROWS[2:], text) == []
    assert [code for code, _ in found(folder, ROWS[1:2], text)] == ["SP0337"]
