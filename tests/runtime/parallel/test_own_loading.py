"""A process reads its own part of a base model, and nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import ModelDtype
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.base_model_loading import load_hf_model
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.parallel.mesh import join_mesh
from softprompt_runtime.parallel.own_loading import load_own_part
from softprompt_runtime.parallel.own_part import OwnPart
from softprompt_runtime.parallel.stage_split import split_stages
from tests.runtime.parallel.layout_runs import layout, plan_of
from tests.runtime.parallel.processes import Processes
from tests.tiny_model_folder import write_tiny_model


def compare(plan: Plan, folder: Path) -> tuple[bool, bool, list[str]]:
    """Whether parts were read, the fingerprint is right, and which weights differ from cut ones."""
    mesh = join_mesh(plan.parallelism)
    loaded = load_own_part(plan.model, folder, mesh, plan.tasks)
    whole = load_hf_model(plan.model, folder)
    stage = split_stages(whole.config, mesh.pipeline.size, plan.tasks)[mesh.pipeline.index]
    own = OwnPart.cut(whole, mesh, stage)
    if loaded is None:
        return False, False, []
    found, wanted = loaded.hf_model.state_dict(), whole.state_dict()
    differing = list(found.keys() ^ wanted.keys())
    differing += [key for key in wanted if not torch.equal(found[key], wanted[key])]
    BaseModel(loaded.hf_model, mesh=mesh, own=loaded.own)  # its logits can be reproduced
    return True, loaded.own.fingerprint == own.fingerprint, differing


def write_model(folder: Path, model_type: str, **changes: Any) -> Path:
    write_tiny_model(folder, model_type, **changes)
    return folder


@pytest.mark.parametrize("changes", [{"tensor": 2}, {"pipeline": 2}], ids=["tensor", "pipeline"])
@pytest.mark.parametrize("model_type", ["llama", "gpt2", "gpt_neox", "gemma2"])
def test_what_is_read_is_what_would_be_cut_from_the_whole(
    two: Processes, tmp_path: Path, model_type: str, changes: dict[str, Any]
) -> None:
    for tied, dtype in ((True, ModelDtype.FLOAT32), (False, ModelDtype.BFLOAT16)):
        folder = write_model(tmp_path / dtype, model_type, tie_word_embeddings=tied)
        plan = plan_of(layout(**changes), sections={"model": {"dtype": dtype}})

        assert two.run(compare, plan, folder) == [(True, True, []), (True, True, [])]


def test_files_of_a_trunk_and_in_several_shards_are_read_too(
    two: Processes, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model", "gpt2")
    weights = load_file(folder / "model.safetensors")
    weights = {name.removeprefix("transformer."): value for name, value in weights.items()}
    names = sorted(weights)
    (folder / "model.safetensors").unlink()
    parts = {"a.safetensors": names[::2], "b.safetensors": names[1::2]}
    for file, part in parts.items():
        save_file({name: weights[name] for name in part}, folder / file, {"format": "pt"})
    where = {name: file for file, part in parts.items() for name in part}
    index = json.dumps({"metadata": {"total_size": 1}, "weight_map": where})
    (folder / "model.safetensors.index.json").write_text(index, "utf-8")

    assert two.run(compare, plan_of(layout(tensor=2)), folder) == [(True, True, [])] * 2


def test_a_model_that_cannot_be_read_in_parts_is_read_as_a_whole(
    two: Processes, tmp_path: Path
) -> None:
    folder = write_model(tmp_path / "model", "llama")
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")

    assert [found[0] for found in two.run(compare, plan_of(layout(tensor=2)), folder)] == [
        False
    ] * 2


def refusal(plan: Plan, folder: Path) -> str:
    try:
        load_own_part(plan.model, folder, join_mesh(plan.parallelism), plan.tasks)
    except RunFailure as failure:
        return failure.message
    return ""


def test_heads_that_cannot_be_shared_out_are_refused(two: Processes, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model", "llama", num_key_value_heads=1)

    for message in two.run(refusal, plan_of(layout(tensor=2)), folder):
        assert message == (
            "The base model has 1 KV heads, which 2 tensor-parallel processes cannot share out "
            "equally"
        )


def growth(plan: Plan, folder: Path) -> float:
    """MiB that loading, and reading every weight once, take at their peak.

    Reading, because weights may lie in a mapped file of which nothing has come into memory yet.
    """
    mesh = join_mesh(plan.parallelism)
    before = memory("VmRSS")
    if mesh.holds_all_layers:
        hf_model = load_hf_model(plan.model, folder)
    else:
        loaded = load_own_part(plan.model, folder, mesh, plan.tasks)
        assert loaded is not None
        hf_model = loaded.hf_model
    assert all(weight.isfinite().all() for weight in hf_model.parameters())
    return memory("VmHWM") - before


def memory(name: str) -> float:
    """MiB; not by getrusage, where a process begins with the peak of the one that started it."""
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="memory is read from /proc")
@pytest.mark.slow
def test_a_shard_takes_less_memory_than_60_percent_of_the_whole(
    tmp_path: Path,
) -> None:
    """Of a model of 460 MB. Each in processes of its own: a peak is never taken back."""
    sizes = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 6}
    folder = write_model(tmp_path / "model", "llama", **sizes)
    with Processes(1) as one, Processes(2) as two:
        (whole,) = one.run(growth, plan_of({}), folder)
        shards = two.run(growth, plan_of(layout(tensor=2)), folder)

    assert whole > 400
    assert max(shards) < 0.6 * whole, f"{shards} MiB of {whole} MiB"
