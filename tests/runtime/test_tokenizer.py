import json
import os
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from softprompt_plan.tokenizer_file import read_tokenizer
from softprompt_plan.vocabulary import ModelSourceKind
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import Run
from softprompt_runtime.tokenizer import load_tokenizer
from tests.runtime.plans import tiny_plan
from tests.tiny_gguf import bpe_tokenizer, write_gguf

DATA = os.environ.get("SOFTPROMPT_DATA")
WORD_LEVEL = {
    "version": "1.0",
    "added_tokens": [],
    "pre_tokenizer": {"type": "Whitespace"},
    "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"?": 0, "yes": 1, "no": 2}},
}


def run_of(folder: Path, source: Path | str, **model: Any) -> Run:
    plan = tiny_plan(source, sections={"model": model})
    return Run(plan=plan, spec_folder=folder, folder=folder / "runs")


def model_folder(folder: Path, content: Any = WORD_LEVEL) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text(json.dumps(content))
    return folder


def failure_of(run: Run) -> RunFailure:
    with pytest.raises(RunFailure) as caught:
        load_tokenizer(run)
    return caught.value


def test_a_gguf_files_tokenizer_is_read_without_converting_its_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOFTPROMPT_CACHE", str(tmp_path / "cache"))
    write_gguf(tmp_path / "model.gguf")

    tokenizer = load_tokenizer(run_of(tmp_path, "model.gguf", kind=ModelSourceKind.GGUF))

    tokens: list[str] = bpe_tokenizer()["tokenizer.ggml.tokens"]
    (encoding,) = tokenizer.encode_batch(["hell<|end|>"])
    assert encoding.ids[0] == tokens.index("hell")
    assert 0 not in encoding.ids
    assert encoding.offsets[0] == (0, 4)
    assert (tokenizer.bos_id, tokenizer.eos_id) == (1, 0)
    assert tokenizer.decode([*encoding.ids, 0]) == "hell<|end|><|end|>"
    assert not (tmp_path / "cache").exists()


def test_a_folders_tokenizer_is_relative_to_the_spec(tmp_path: Path) -> None:
    model_folder(tmp_path / "models/tiny")

    tokenizer = load_tokenizer(run_of(tmp_path, "models/tiny"))

    assert list(tokenizer.encode_batch(["yes no maybe"])[0].ids) == [1, 2, 0]


def test_a_tokenizer_says_what_it_is(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")

    assert load_tokenizer(run_of(tmp_path, "model")).digest == read_tokenizer(folder).digest


def test_a_hub_id_in_the_cache_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    entry = tmp_path / "models--org--tiny"
    (entry / "refs").mkdir(parents=True)
    (entry / "refs/main").write_text("abc")
    model_folder(entry / "snapshots/abc")

    tokenizer = load_tokenizer(run_of(tmp_path / "spec", "org/tiny", kind=ModelSourceKind.HUB))

    assert list(tokenizer.encode_batch(["no"])[0].ids) == [2]


@pytest.mark.parametrize("cached", [True, False])
def test_a_hub_ids_missing_files_are_fetched_at_its_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cached: bool
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    if cached:  # the weights' part of the snapshot only
        snapshot = model_folder(tmp_path / "models--org--tiny/snapshots/v1")
        (snapshot / "tokenizer.json").unlink()
    fetched = model_folder(tmp_path / "fetched")
    asked: list[Any] = []

    def snapshot_download(hub_id: str, *, revision: str, allow_patterns: list[str]) -> str:
        asked.append((hub_id, revision))
        assert "tokenizer.json" in allow_patterns
        assert not any(name.endswith((".safetensors", ".bin", ".py")) for name in allow_patterns)
        return str(fetched)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    monkeypatch.setenv("ORG", "org")
    run = run_of(tmp_path / "spec", "${ORG}/tiny", kind=ModelSourceKind.HUB, revision="v1")

    assert list(load_tokenizer(run).encode_batch(["no"])[0].ids) == [2]
    assert asked == [("org/tiny", "v1")]


def test_a_hub_id_that_cannot_be_fetched_is_a_run_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("no network\nand a long story")

    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)

    failure = failure_of(run_of(tmp_path, "org/tiny", kind=ModelSourceKind.HUB))

    assert failure.message.endswith("cannot be fetched: no network")
    assert failure.help is not None


def test_a_model_that_is_not_there_gets_a_suggestion(tmp_path: Path) -> None:
    model_folder(tmp_path / "models/tiny")

    assert failure_of(run_of(tmp_path, "./models/tyny")).help == "Did you mean models/tiny?"


def test_a_folder_without_tokenizer_says_what_to_do(tmp_path: Path) -> None:
    (model_folder(tmp_path / "tiny") / "tokenizer.json").unlink()
    (tmp_path / "tiny/tokenizer.model").touch()

    failure = failure_of(run_of(tmp_path, "./tiny"))

    assert "tokenizer.model" in failure.message
    assert "save_pretrained" in str(failure.help)


def test_a_tokenizer_that_the_library_refuses_is_a_run_failure(tmp_path: Path) -> None:
    model_folder(tmp_path / "tiny", {**WORD_LEVEL, "pre_tokenizer": {"type": "Magic"}})

    assert "cannot be used" in failure_of(run_of(tmp_path, "./tiny")).message


@pytest.mark.skipif(DATA is None, reason="needs SOFTPROMPT_DATA")
def test_a_published_model_gives_the_ids_of_transformers(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = Path(DATA or "") / "stories260k"
    text = "Once upon a time, there were 12  cats."

    tokenizer = load_tokenizer(run_of(tmp_path, folder))

    theirs: Any = AutoTokenizer.from_pretrained(folder)
    ids = list(tokenizer.encode_batch([text])[0].ids)
    assert ids == theirs.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == theirs.decode(ids)
