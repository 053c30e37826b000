"""Specs that are valid by construction, for the folder that `make_world` writes, and mistakes.

A spec is generated as plain values, with switches for every section, and written as YAML text.
"""

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.launch_strategies import launch_sections
from tests.launch_strategies import some as _some
from tests.launch_strategies import words as _words

Spec = dict[str, Any]
Path = tuple[str | int, ...]

MAX_POSITIONS = 128  # of the model in the folder
TRAINED = "runs/trained/soft_prompt"  # in the folder, with the task `kept`


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
    least = 2 if num_markers == 1 else 1  # a single virtual token is warned of
    splits = draw(st.lists(st.integers(least, 5), min_size=num_markers, max_size=num_markers))
    match draw(st.integers(0, 3)):
        case 0:
            task["virtual_token_splits"] = splits
        case 1:
            task["total_virtual_tokens"] = draw(st.integers(max(num_markers, 2), 20))
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
    task["data"] |= draw(
        _some(
            too_long=st.sampled_from(["error", "skip"]),
            fields=st.sampled_from([{}, {"text": "text"}, {"text": "text", "mood": "mood"}]),
        )
    )
    if draw(st.booleans()):
        task["data"]["max_rows"] = {"train": draw(st.integers(1, 9))}
        task["data"] |= draw(_some(shuffle_seed=st.integers(0, 2**32 - 1)))
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
    """An encoder with the keys that its type uses, of an even width."""
    kind = draw(st.sampled_from(["mlp", "lstm", "tpmlp", "embedding"]))
    size = {"hidden_size": st.integers(1, 32).map(lambda half: 2 * half)}
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
    return section | draw(
        _some(init=st.sampled_from(inits), restore_path=st.sampled_from([None, TRAINED]))
    )


_GPUS = ("L4-24GB", "A100-80GB", "H100-80GB", "H200-141GB")


@st.composite
def parallelism(draw: st.DrawFn) -> Spec:
    """A layout that the model in the folder can be split into, with 1, 2 or 4 replicas."""
    tensor, stages = draw(st.sampled_from([1, 2])), draw(st.sampled_from([1, 2]))
    replicas, nodes = draw(st.sampled_from([1, 2, 4])), draw(st.sampled_from([1, 2]))
    world = tensor * stages * replicas
    nodes = nodes if world % nodes == 0 else 1
    sizes = {
        "num_nodes": nodes,
        "devices": world // nodes,
        "tensor_model_parallel_size": tensor,
        "pipeline_model_parallel_size": stages,
    }
    given = {key: size for key, size in sizes.items() if size > 1 or draw(st.booleans())}
    return given | draw(
        _some(
            accelerator=st.sampled_from(["auto", "cpu", "gpu"]),
            gpu=st.sampled_from([None, *_GPUS]),
            sequence_parallel=st.sampled_from([False, tensor > 1]),
            shard_base_model=st.sampled_from([False, replicas > 1]),
            activations_checkpoint=st.sampled_from(["none", "selective", "full"]),
        )
    )


def num_replicas(layout: Spec) -> int:
    """Data-parallel size of a `parallelism` section."""
    split = layout.get("tensor_model_parallel_size", 1) * layout.get(
        "pipeline_model_parallel_size", 1
    )
    return layout.get("num_nodes", 1) * layout.get("devices", 1) // split


@st.composite
def training(draw: st.DrawFn, replicas: int, *, is_free_table: bool) -> Spec:
    """A run by steps or by epochs, batches that divide, and a schedule that fits.

    is_free_table: whether virtual tokens train without an encoder, and bear larger steps.
    """
    steps = draw(st.integers(20, 500))
    micro = draw(st.integers(1, 8))
    warmup = draw(st.integers(0, steps // 2))
    sched = {"warmup_steps": warmup} | draw(
        _some(
            name=st.just("cosine_annealing"),
            constant_steps=st.integers(0, steps // 4),
            min_lr=st.sampled_from([0, 1e-5, 1e-4]),
        )
    )
    optim = {"lr": draw(st.sampled_from([1e-3, 0.01, 0.05] if is_free_table else [1e-4, 1e-3]))}
    optim |= {"sched": sched} | draw(
        _some(
            name=st.just("adamw"),
            betas=st.just([0.8, 0.95]),
            weight_decay=st.sampled_from([0, 1e-3, 0.01]),
        )
    )
    by = {"max_steps": steps} if draw(st.booleans()) else {"max_epochs": steps}
    whole = micro * replicas * draw(st.integers(1, 4))
    batches = {"micro_batch_size": micro, "global_batch_size": whole}
    return {**by, **batches, "optim": optim} | draw(
        _some(
            precision=st.sampled_from(["32-true", "bf16-mixed"]),
            seed=st.integers(0, 2**32 - 1),
            gradient_clip_val=st.sampled_from([None, 1, 0.5]),
            val_check_interval=st.sampled_from([1, 10, 1.0, 0.25]),
            checkpoint_every_n_steps=st.integers(1, 100),
            resume=st.sampled_from(["auto", "never", "must"]),
            loggers=st.sampled_from([[], ["csv"], ["tensorboard", "csv"]]),
            early_stopping=st.sampled_from([None, {"patience": 3, "min_delta": 0.01}]),
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
    """A whole spec, of which nothing is to be said."""
    spec: Spec = {
        "version": 1,
        "name": draw(names),
        "model": {"source": "models/tiny", "max_seq_length": draw(st.integers(100, MAX_POSITIONS))},
        "tasks": draw(st.dictionaries(names, tasks(), min_size=1, max_size=3)),
    }
    spec["model"] |= draw(_some(dtype=st.sampled_from(["float32", "bfloat16"])))
    spec |= draw(
        _some(
            prompt_learning=prompt_learning(),
            parallelism=parallelism(),
            inference=inference(),
        )
    )
    if draw(st.booleans()):
        replicas = num_replicas(spec.get("parallelism", {}))
        is_free = is_free_table(spec.get("prompt_learning", {}))
        spec["training"] = draw(training(replicas, is_free_table=is_free))
        _without_idle_validation(spec)
    layout = spec.get("parallelism", {})
    if layout.get("num_nodes", 1) > 1:
        spec["launch"] = {"target": "slurm"}
    else:
        spec |= draw(_some(launch=launch_sections(has_gpus=layout.get("accelerator") != "cpu")))
    return spec


def is_free_table(learning: Spec) -> bool:
    """Whether the virtual tokens of a `prompt_learning` section train without an encoder."""
    style, encoder = learning.get("virtual_prompt_style"), learning.get("encoder", {})
    return style == "prompt-tuning" or encoder.get("type") == "embedding"


def _without_idle_validation(spec: Spec) -> None:
    """Drop what asks for validation rows that are not there."""
    validated = ["validation" in task["data"] for task in spec["tasks"].values()]
    if not any(validated):
        spec["training"].pop("val_check_interval", None)
    if not all(validated) and spec["training"].get("early_stopping"):
        spec["training"]["early_stopping"] = None
