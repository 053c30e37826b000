"""Loading no more of a base model than this process holds of it.

The model is made without values, cut to the process's part, and filled from slices of the
safetensors files, each converted to the plan's type by itself.
"""

import json
import logging
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import torch
from safetensors import safe_open
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from softprompt_plan.plan import ModelPlan, TaskPlan
from softprompt_runtime.base_model_loading import LOADING_ERRORS, TORCH_DTYPES
from softprompt_runtime.fingerprint import fingerprint_from
from softprompt_runtime.model_facts import facts_of
from softprompt_runtime.parallel.mesh import Mesh
from softprompt_runtime.parallel.own_part import OwnPart, take_parts
from softprompt_runtime.parallel.stage_split import split_stages
from softprompt_runtime.parallel.tensor_split import Share

_LOG = logging.getLogger("softprompt")
_INDEX = "model.safetensors.index.json"
_SINGLE = "model.safetensors"


@final
@dataclass(frozen=True, kw_only=True)
class LoadedPart:
    """A model that holds one process's part."""

    hf_model: Any
    own: OwnPart


def load_own_part(
    plan: ModelPlan, where: Path | str, mesh: Mesh, tasks: Sequence[TaskPlan]
) -> LoadedPart | None:
    """This process's part of the model in a folder; None where only the whole can be read.

    That is so for files other than safetensors, and for those that name or shape a weight in
    another way than the model does: transformers knows how to turn them. All processes get the same
    answer. Raises RunFailure for a model that cannot be split as the mesh says.
    """
    try:
        opened = _open(plan, where)
    except (*LOADING_ERRORS, json.JSONDecodeError) as error:
        opened = f"{type(error).__name__}: {error}"
    answers = mesh.world.gather_objects(opened if isinstance(opened, str) else None)
    if reasons := [answer for answer in answers if answer is not None]:
        _LOG.warning("the whole base model is read by every process: %.300s", reasons[0])
        return None
    assert not isinstance(opened, str), "a reason would have been told"
    hf_model, files = opened
    facts = facts_of(hf_model)
    fingerprint = mesh.on_main(
        lambda: fingerprint_from(hf_model, lambda name, _: lambda rows: files.rows(name, rows))
    )
    stage = split_stages(hf_model.config, mesh.pipeline.size, tasks)[mesh.pipeline.index]
    shards = take_parts(hf_model, mesh, stage)
    layout = facts.layout
    assert layout is not None, "take_parts refuses unknown families"
    for name, weight in list(hf_model.named_parameters()):
        whole_name = stage.name_in_whole(layout, name)
        share = None if shards is None else shards.shares.get(name)
        _fill(hf_model, weight, _values(files, whole_name, share, TORCH_DTYPES[plan.dtype]))
    if shards is not None:
        shards.connect(hf_model)
    own = OwnPart(facts=facts, fingerprint=fingerprint, stage=stage, shards=shards)
    return LoadedPart(hf_model=hf_model.eval(), own=own)


def _open(plan: ModelPlan, where: Path | str) -> "tuple[Any, _Files] | str":
    """The model without values and its files; or why they cannot be used so."""
    if not isinstance(where, Path):
        return "it is not on this machine yet"
    config = AutoConfig.from_pretrained(where, trust_remote_code=False)
    if getattr(config, "quantization_config", None) is not None:
        return "its weights are quantized"
    with _without_values():
        hf_model: Any = AutoModelForCausalLM.from_config(
            config, dtype=TORCH_DTYPES[plan.dtype], trust_remote_code=False
        )
    files = _Files.of(where, hf_model)
    for name, weight in hf_model.named_parameters():
        if (fault := files.fault(name, tuple(weight.shape))) is not None:
            return fault
    return hf_model, files


@contextmanager
def _without_values() -> Generator[None]:
    """Within, parameters are made on the meta device; buffers, which files do not hold, as ever."""
    register = nn.Module.register_parameter

    def register_on_meta(self: nn.Module, name: str, param: nn.Parameter | None) -> None:
        if param is not None and param.device.type != "meta":  # a tied one is there already
            param = nn.Parameter(param.to("meta"), requires_grad=False)
        register(self, name, param)

    nn.Module.register_parameter = register_on_meta
    try:
        yield
    finally:
        nn.Module.register_parameter = register


def _values(files: "_Files", name: str, share: Share | None, dtype: torch.dtype) -> Tensor:
    """This process's part of one weight, copied once: from the mapped file to where it stays."""
    with files.opened(name) as view:
        if share is None:
            found = view[:]
        else:
            found = share.take(lambda dim, a, b: view[a:b] if dim == 0 else view[:, a:b])
        return torch.empty(found.shape, dtype=dtype).copy_(found)


def _fill(hf_model: Any, weight: nn.Parameter, values: Tensor) -> None:
    """Put the values where the model has this parameter, also where it is tied to another."""
    filled = nn.Parameter(values, requires_grad=False)
    for module in hf_model.modules():
        for key, own in list(module._parameters.items()):
            if own is weight:
                module._parameters[key] = filled


@final
@dataclass(frozen=True, kw_only=True)
class _Files:
    """A folder's safetensors files, by the names of a model's parameters."""

    files: dict[str, Path]  # by the files' own names
    prefix: str  # that files of a trunk leave out
    tied: dict[str, str]  # a parameter, and one that is equal to it

    @staticmethod
    def of(folder: Path, hf_model: Any) -> "_Files":
        """Raises OSError, ValueError or SafetensorError for files that cannot be read."""
        index = folder / _INDEX
        if index.is_file():
            weight_map = json.loads(index.read_text("utf-8"))["weight_map"]
            files = {name: folder / file for name, file in weight_map.items()}
        else:
            with safe_open(folder / _SINGLE, framework="pt") as opened:
                files = dict.fromkeys(opened.keys(), folder / _SINGLE)
        return _Files(files=files, prefix=f"{hf_model.base_model_prefix}.", tied=_tied(hf_model))

    def name_of(self, name: str) -> str | None:
        """The files' name of a parameter."""
        names = (name, self.tied.get(name, name))
        tries = (
            *names,
            *(each.removeprefix(self.prefix) for each in names),
            *(each.replace("lm_head.", "embed_out.") for each in names),  # GPT-NeoX before 2025
        )
        return next((each for each in tries if each in self.files), None)

    def fault(self, name: str, shape: tuple[int, ...]) -> str | None:
        """Why a parameter cannot be read in slices; None if it can."""
        if self.name_of(name) is None:
            return f"the files have no {name}"
        with self.opened(name) as view:
            found = tuple(view.get_shape())
        return None if found == shape else f"{name} is {found} in the files, not {shape}"

    def rows(self, name: str, rows: Tensor) -> Tensor:
        """These rows of a matrix."""
        with self.opened(name) as view:
            return torch.cat([view[row : row + 1] for row in rows.tolist()])

    @contextmanager
    def opened(self, name: str) -> Generator[Any]:
        """A view on a parameter; the file is mapped no longer than that."""
        found = self.name_of(name)
        assert found is not None, "every name was looked up before"
        with safe_open(self.files[found], framework="pt") as file:
            yield file.get_slice(found)


def _tied(hf_model: Any) -> dict[str, str]:
    """Names of parameters that are the same one, each with another of its names."""
    names: dict[int, list[str]] = {}
    for name, weight in hf_model.named_parameters(remove_duplicate=False):
        names.setdefault(id(weight), []).append(name)
    return {
        name: next(other for other in same if other != name)
        for same in names.values()
        if len(same) > 1
        for name in same
    }
