"""SP0301 to SP0332: what the spec names is not there, or is not what the spec takes it for."""

import json
from typing import Any

from hypothesis import strategies as st

from tests.compiler.page_world import MODEL_CONFIG
from tests.seeded.draft import TEMPLATE, Draft, seeded
from tests.spec_strategies import TRAINED


def _train(draft: Draft, name: str) -> None:
    draft.wrong(name, *draft.plain_task(), "data", "train")


@seeded("SP0301")
def unset_variable(draft: Draft) -> None:
    _train(draft, "${NOT_SET_ANYWHERE}/train.jsonl")


@seeded("SP0303")
def empty_glob(draft: Draft) -> None:
    _train(draft, draft.draw(st.sampled_from(["data/no*.jsonl", "nowhere/*.jsonl"])))


@seeded("SP0304")
def unknown_format(draft: Draft) -> None:
    draft.files["data/rows.txt"] = "text\tmood\n"
    _train(draft, "data/rows.txt")


@seeded("SP0306")
def data_not_here(draft: Draft) -> None:
    draft.only_task()
    _train(draft, "hf:nobody/no-such-data[train]")
    draft.reads_data = True


@seeded("SP0311")
def model_unreadable(draft: Draft) -> None:
    broken = draft.draw(st.sampled_from(["", "[]", "{", '{"model_type": 1}']))
    draft.files["models/broken/config.json"] = broken
    draft.wrong("models/broken", "model", "source")


@seeded("SP0312")
def model_not_here(draft: Draft) -> None:
    draft.wrong("nobody/no-such-model", "model", "source")


def _soft_prompt(draft: Draft, path: str, *tasks: str, **changed: Any) -> None:
    entry = {
        "prompt_template": TEMPLATE,
        "whitespace": "kept",
        "virtual_token_splits": [10],
    }
    meta = {
        "format": 2,
        "base_model": "models/tiny",
        "width": 32,
        "tasks": [{"name": name, **entry} for name in tasks],
    }
    draft.files[f"{path}/soft_prompt.json"] = json.dumps(meta | changed)


@seeded("SP0319")
def other_base_model(draft: Draft) -> None:
    _soft_prompt(draft, "runs/wide", "other", width=draft.draw(st.sampled_from([16, 33, 4096])))
    draft.wrong("runs/wide", "prompt_learning", "restore_path")


@seeded("SP0321")
def soft_prompt_unreadable(draft: Draft) -> None:
    broken = draft.draw(st.sampled_from(["", "{}", "[", '{"format": 1, "tasks": []}']))
    draft.files["runs/broken/soft_prompt.json"] = broken
    draft.wrong("runs/broken", "prompt_learning", "restore_path")


@seeded("SP0322")
def nothing_to_train(draft: Draft) -> None:
    names = list(draft.spec["tasks"])
    for name in names:
        data = {"train": "data/train.jsonl"}
        draft.spec["tasks"][name] = {"prompt_template": TEMPLATE, "data": data}
    draft.drop("training", "early_stopping")
    draft.drop("training", "val_check_interval")
    _soft_prompt(draft, "runs/all", *names, *draft.draw(st.sampled_from([[], ["another"]])))
    draft.wrong("runs/all", "prompt_learning", "restore_path")


@seeded("SP0323")
def restored_task_differs(draft: Draft) -> None:
    path = draft.plain_task()
    draft.give(
        {"prompt_template": TEMPLATE, "data": {"train": "data/train.jsonl"}}, "tasks", "new."
    )
    draft.drop("training", "early_stopping")
    _soft_prompt(draft, "runs/old", draft.task)
    draft.give("runs/old", "prompt_learning", "restore_path")
    draft.wrong([draft.draw(st.integers(2, 9))], *path, "virtual_token_splits")


@seeded("SP0324")
def init_task_unknown(draft: Draft) -> None:
    draft.only_task()
    _soft_prompt(draft, "runs/two", "one.", "two.")
    draft.learning(init={"method": "prompt", "path": "runs/two"})
    draft.mark("prompt_learning", "init", "path")


@seeded("SP0325")
def init_size_differs(draft: Draft) -> None:
    path = draft.only_task()
    draft.learning(init={"method": "prompt", "path": TRAINED})
    draft.wrong([draft.draw(st.integers(2, 9))], *path, "virtual_token_splits")


def _tokenizer(draft: Draft, name: str, content: Any) -> None:
    draft.only_task()
    draft.files["models/other"] = ("models/tiny",)
    draft.files[f"models/other/{name}"] = (
        content if isinstance(content, str) else json.dumps(content)
    )
    draft.drop("training")
    draft.drop("prompt_learning")
    draft.give({"warmup_steps": 0}, "training", "optim", "sched")
    draft.one_device()
    draft.wrong("models/other", "model", "source")
    draft.reads_data = True


@seeded("SP0330")
def tokenizer_unreadable(draft: Draft) -> None:
    _tokenizer(draft, "tokenizer.json", draft.draw(st.sampled_from(["", "{", "[]"])))


def _special(draft: Draft, name: str) -> None:
    """A tokenizer that has one special token, `name`, and not the other."""
    others = {"bos": "eos", "eos": "bos"}[name]
    config = {key: value for key, value in MODEL_CONFIG.items() if key != f"{others}_token_id"}
    _tokenizer(draft, "tokenizer_config.json", {f"{name}_token": "<s>"})
    draft.files["models/other/config.json"] = json.dumps(config)


@seeded("SP0331")
def no_eos(draft: Draft) -> None:
    _special(draft, "bos")
    draft.give(False, "inference", "add_bos")


@seeded("SP0332")
def no_bos(draft: Draft) -> None:
    _special(draft, "eos")
    draft.wrong(True, "inference", "add_bos")
