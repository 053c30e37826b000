"""Specs that are valid by construction, for the folder that `make_world` writes, and mistakes.

A spec is generated as plain values, with switches for every section, and written as YAML text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.launch_strategies import launch_sections
from tests.launch_strategies import some as _some
from tests.launch_strategies import words as _words

Spec = dict[str, Any]
Path = tuple[str | int, ...]

MAX_POSITIONS = 128  # of the model in the folder


def as_yaml(spec: Mapping[str, Any], depth: int = 0) -> str:
    """The spec as YAML text: block mappings, all else in flow style."""
    lines: list[str] = []
    for key, value in spec.items():
        name = json.dumps(key, ensure_ascii=False)
        if isinstance(value, dict) and value and depth < 3:
            lines += ["  " * depth + f"{name}:", as_yaml(value, depth + 1)]  # pyright: ignore
        else:
            lines.append("  " * depth + f"{name}: {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + ("\n" if depth == 0 else "")


names = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@st.composite
def tasks(draw: st.DrawFn) -> Spec:
    """A task: 1 to 3 markers at different places, with or without answer, splits, lists, globs."""
    num_markers = draw(st.integers(1, 3))
    pieces = [
        f"<|VIRTUAL_PROMPT_{number}|>" for number in draw(st.permutations(range(num_markers)))
    ]
    literal = draw(st.sampled_from(["It says: ", "{{braces}} ", "\u00e9\u4e2d ", ""]))
    template = "".join([pieces[0], literal, "{text}", *pieces[1:], " mood:{mood}"])
    task: Spec = {"prompt_template": template, "data": {"train": "data/train.jsonl"}}
    splits = draw(st.lists(st.integers(1, 5), min_size=num_markers, max_size=num_markers))
    match draw(st.integers(0, 3)):
        case 0:
            task["virtual_token_splits"] = splits
        case 1:
            task["total_virtual_tokens"] = draw(st.integers(num_markers, 20))
        case 2:
            task |= {"virtual_token_splits": splits, "total_virtual_tokens": sum(splits)}
        case _:
            pass
    if draw(st.booleans()):
        task["answer_field"] = "mood"
        task |= draw(_some(answer_only_loss=st.booleans()))
        task |= draw(_some(truncate_field=st.sampled_from(["text", ["text"], None])))
        if draw(st.booleans()):
            task["data"]["test"] = draw(st.sampled_from(["data/test.jsonl", "data/te?t.jsonl"]))
            metrics = ["exact_match", "f1", "accuracy", "macro_f1", "slot_f1", "rouge_l"]
            task |= draw(_some(metrics=st.lists(st.sampled_from(metrics), unique=True)))
    if draw(st.booleans()):
        task["data"]["validation"] = draw(
            st.sampled_from(["data/validation.jsonl", ["data/validation.jsonl"]])
        )
    task["data"] |= draw(_some(too_long=st.sampled_from(["error", "skip"])))
    sides = ["left", "right", "middle"] if task.get("truncate_field") else ["right"]
    return task | draw(
        _some(
            truncate_side=st.sampled_from(sides),
            whitespace=st.sampled_from(["kept", "nemo-2023"]),
            weight=st.sampled_from([0.5, 1, 2.5]),
        )
    )


@st.composite
def encoders(draw: st.DrawFn) -> Spec:
    """An encoder with the keys that its type uses."""
    kind = draw(st.sampled_from(["mlp", "lstm", "tpmlp", "embedding"]))
    size = {"hidden_size": st.integers(1, 64)}
    keys: dict[str, dict[str, st.SearchStrategy[Any]]] = {
        "mlp": {**size, "num_layers": st.integers(2, 4)},
        "lstm": {**size, "num_layers": st.integers(2, 4), "dropout": st.sampled_from([0, 0.5])},
        "tpmlp": {**size, "init_std": st.sampled_from([1e-3, 0.5, 1])},
        "embedding": {},
    }
    return {"type": kind} | draw(_some(**keys[kind]))


@st.composite
def prompt_learning(draw: st.DrawFn) -> Spec:
    """A style with what belongs to it, and an init method with what it needs."""
    style = draw(st.sampled_from(["p-tuning", "prompt-tuning"]))
    section: Spec = {"virtual_prompt_style": style}
    if style == "p-tuning" and draw(st.booleans()):
        section["encoder"] = draw(encoders())
    inits: list[Spec] = [
        {"method": "vocabulary"},
        {"method": "text", "text": draw(_words)},
        {"method": "class_labels", "labels": ["glad", "sad"]},
    ]
    return section | draw(_some(init=st.sampled_from(inits)))


@st.composite
def training(draw: st.DrawFn) -> Spec:
    """A run by steps or by epochs, batches that divide, and a schedule that fits."""
    steps = draw(st.integers(20, 500))
    micro = draw(st.integers(1, 8))
    warmup = draw(st.integers(0, steps // 2))
    sched = {"warmup_steps": warmup} | draw(
        _some(name=st.just("cosine_annealing"), constant_steps=st.integers(0, steps // 4))
    )
    optim = {"lr": draw(st.sampled_from([1e-3, 0.5, 1])), "sched": sched} | draw(
        _some(betas=st.just([0.8, 0.95]), weight_decay=st.sampled_from([0, 0.1]))
    )
    by = {"max_steps": steps} if draw(st.booleans()) else {"max_epochs": steps}
    batches = {"micro_batch_size": micro, "global_batch_size": micro * draw(st.integers(1, 4))}
    return {**by, **batches, "optim": optim} | draw(
        _some(
            precision=st.sampled_from(["32-true", "bf16-mixed"]),
            seed=st.integers(0, 2**32 - 1),
            gradient_clip_val=st.sampled_from([None, 1, 0.5]),
            val_check_interval=st.sampled_from([1, 10, 1.0, 0.25]),
            checkpoint_every_n_steps=st.integers(1, 100),
            resume=st.sampled_from(["auto", "never", "must"]),
            loggers=st.sampled_from([[], ["csv"], ["tensorboard", "csv"]]),
            early_stopping=st.just(None),
        )
    )


@st.composite
def inference(draw: st.DrawFn) -> Spec:
    """Greedy, or drawn with its knobs."""
    sampling = {
        "top_k": st.integers(0, 50),
        "top_p": st.sampled_from([0.5, 1]),
        "temperature": st.sampled_from([0.1, 1, 2.5]),
    }
    greedy = draw(st.booleans())
    return {"greedy": greedy} | draw(
        _some(
            add_bos=st.booleans(),
            tokens_to_generate=st.integers(1, 20),
            repetition_penalty=st.sampled_from([1, 1.2]),
            batch_size=st.integers(1, 64),
            seed=st.integers(0, 100),
            **({} if greedy else sampling),
        )
    )


@st.composite
def specs(draw: st.DrawFn) -> Spec:
    """A whole spec."""
    spec: Spec = {
        "version": 1,
        "name": draw(names),
        "model": {"source": "models/tiny", "max_seq_length": draw(st.integers(100, MAX_POSITIONS))},
        "tasks": draw(st.dictionaries(names, tasks(), min_size=1, max_size=3)),
    }
    spec |= draw(
        _some(
            prompt_learning=prompt_learning(),
            training=training(),
            parallelism=_some(accelerator=st.sampled_from(["auto", "cpu", "gpu"])),
            inference=inference(),
        )
    )
    has_gpus = spec.get("parallelism", {}).get("accelerator") != "cpu"
    spec |= draw(_some(launch=launch_sections(has_gpus=has_gpus)))
    if not any("validation" in task["data"] for task in spec["tasks"].values()):
        spec.get("training", {}).pop("val_check_interval", None)  # it would have no effect
    return spec


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A way to damage any spec.

    path: what is set to `value`, or dropped; TASK stands for the first task's name. inside: from
    there to the damaged token. at_key: whether the fault shows at the token's key, not its value.
    """

    code: str
    path: Path
    value: Any = None
    inside: Path = ()
    drop: bool = False
    at_key: bool = False

    def damage(self, spec: Spec) -> tuple[Spec, Path]:
        """A copy of the spec with the mistake in it, and the path of the damaged token."""
        damaged: Spec = json.loads(json.dumps(spec))
        path = tuple(next(iter(spec["tasks"])) if step == "TASK" else step for step in self.path)
        holder: Any = damaged
        for step in path[:-1]:
            holder = holder.setdefault(step, {})
        if self.drop:
            holder.pop(path[-1], None)
            return damaged, path[:-1]
        holder[path[-1]] = self.value
        return damaged, (*path, *self.inside)


def _value(code: str, path: Path, value: Any, *inside: str | int) -> Mistake:
    return Mistake(code=code, path=path, value=value, inside=inside)


def _key(code: str, path: Path) -> Mistake:
    return Mistake(code=code, path=path, value=3, at_key=True)


def _missing(code: str, path: Path) -> Mistake:
    return Mistake(code=code, path=path, drop=True, at_key=True)


MISTAKES = (
    _key("SP0101", ("training", "max_epoch")),
    _key("SP0101", ("tasks", "TASK", "data", "tests")),
    _missing("SP0102", ("model", "source")),
    _missing("SP0102", ("tasks", "TASK", "data", "train")),
    _value("SP0111", ("inference", "greedy"), "yes"),
    _value("SP0103", ("training", "seed"), 1.5),
    _value("SP0103", ("training", "seed"), True),
    _value("SP0103", ("launch", "environment"), {"THREADS": 2}, "THREADS"),
    _value("SP0103", ("tasks", "TASK", "virtual_token_splits"), [3, "4"], 1),
    _value("SP0104", ("training", "optim", "weight_decay"), -0.1),
    _value("SP0104", ("inference", "batch_size"), 0),
    _value("SP0105", ("training", "precision"), "fp32"),
    _value("SP0105", ("tasks", "TASK", "truncate_side"), "centre"),
    _value("SP0106", ("model", "source"), ""),
    _value("SP0107", ("name",), "a name"),
    Mistake(
        code="SP0107",
        path=("launch", "environment"),
        value={"a b": "x"},
        inside=("a b",),
        at_key=True,
    ),
    _value("SP0108", ("training", "loggers"), ["csv", "wandb"], 1),
    _value("SP0130", ("parallelism", "gpu"), "H100"),
    _value("SP0109", ("version",), 2),
    Mistake(code="SP0270", path=("launch",), value={"slurm": {}}, inside=("slurm",), at_key=True),
    _value(
        "SP0273",
        ("launch",),
        {"target": "kubernetes", "kubernetes": {"folder": "/b", "name": "n"}},
        "target",
    ),
    _value(
        "SP0275",
        ("launch",),
        {"target": "kubernetes", "kubernetes": {"folder": "/b", "image": "i", "name": "A"}},
        *("kubernetes", "name"),
    ),
    *(
        _value(code, ("launch",), {"target": "slurm", "slurm": {key: value}}, "slurm", key)
        for code, key, value in (
            ("SP0276", "account", "two words"),
            ("SP0277", "time_limit", "soon"),
            ("SP0278", "memory", "much"),
            ("SP0282", "image", "a\nb"),
            ("SP0104", "save_seconds", 0),
        )
    ),
    Mistake(
        code="SP0280",
        path=("launch", "environment"),
        value={"RANK": "0"},
        inside=("RANK",),
        at_key=True,
    ),
    Mistake(
        code="SP0281",
        path=("launch",),
        value={"environment": {"LICENCE": "x"}, "secrets": ["LICENCE"]},
        inside=("environment", "LICENCE"),
        at_key=True,
    ),
    _value("SP0107", ("launch", "secrets"), ["A-B"], 0),
    _value("SP0110", ("launch", "secrets"), ["A", "A"], 1),
    Mistake(
        code="SP0283",
        path=("launch",),
        value={"target": "slurm", "slurm": {"image": "i", "mounts": {"data": "/d"}}},
        inside=("slurm", "mounts", "data"),
        at_key=True,
    ),
    _value("SP0110", ("training", "loggers"), ["csv", "csv"], 1),
    _value("SP0302", ("tasks", "TASK", "data", "train"), "data/nothing.jsonl"),
    _value("SP0310", ("model", "source"), "models/nothing.gguf"),
    _value("SP0313", ("model", "max_seq_length"), MAX_POSITIONS + 1),
    _value("SP0320", ("prompt_learning", "restore_path"), "runs/nothing"),
)
