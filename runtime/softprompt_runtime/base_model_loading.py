"""Base models from disk or hub: weights complete, safe formats only, faults in plain words."""

import json
import os
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM

from softprompt_plan.model_source import NotFound, NotFoundKind, locate_model
from softprompt_plan.paths import expand
from softprompt_plan.plan import ModelPlan
from softprompt_plan.vocabulary import ModelDtype, ModelSourceKind
from softprompt_runtime.failure import RunFailure, first_line
from softprompt_runtime.gguf_conversion import converted_folder
from softprompt_runtime.progress_bars import without_progress_bars

TORCH_DTYPES = {
    ModelDtype.FLOAT32: torch.float32,
    ModelDtype.BFLOAT16: torch.bfloat16,
    ModelDtype.FLOAT16: torch.float16,
}

# transformers raises many types for files that are absent, broken or of an unknown family
LOADING_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    ImportError,
    AttributeError,
    SafetensorError,
    StrictDataclassError,  # a config.json whose numbers do not go together
)


def locate_base_model(plan: ModelPlan, spec_folder: Path) -> Path | str:
    """The folder of the model's files (a GGUF file is converted first), or its hub id.

    A hub id is given back only if its files are not all in this machine's cache. Raises RunFailure
    for a source that names nothing.
    """
    found = locate_model(plan.source, spec_folder, os.environ, plan.revision)
    if isinstance(found, NotFound):
        if found.kind is NotFoundKind.HUB:
            return expand(plan.source, os.environ)
        near = f"Did you mean {found.suggestions[0]}?" if found.suggestions else None
        message = f"The base model cannot be found: {found.reason}"
        raise RunFailure(message, near or "Check model.source.")
    if found.kind is ModelSourceKind.GGUF:
        return converted_folder(found.path)
    if found.kind is ModelSourceKind.HUB and not _has_weights(found.path):
        return expand(plan.source, os.environ)
    return found.path


def _has_weights(folder: Path) -> bool:
    """Whether all weight files are there; the cache may hold only the tokenizer's."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        return any((folder / name).is_file() for name in ("model.safetensors", "pytorch_model.bin"))
    shards = set(json.loads(index.read_text())["weight_map"].values())
    return all((folder / shard).is_file() for shard in shards)


def load_hf_model(plan: ModelPlan, where: Path | str) -> Any:
    """The transformers causal language model in `where`: a folder, or a hub id with a revision.

    Weights are read once, in the plan's type. Code that comes with a model is never run. Raises
    RunFailure for a model that cannot be read, or whose files lack weights.
    """
    try:
        with without_progress_bars():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                where,
                revision=plan.revision or "main",
                dtype=TORCH_DTYPES[plan.dtype],
                local_files_only=isinstance(where, Path) or os.environ.get("HF_HUB_OFFLINE") == "1",
                trust_remote_code=False,
                output_loading_info=True,
            )
    except (UnpicklingError, EOFError):  # torch's own text advises to run what the file holds
        raise RunFailure(
            f"The base model {plan.source} cannot be loaded: its pytorch_model.bin is damaged, or "
            "holds more than tensors",
            "Download it again, or take the model as *.safetensors.",
        ) from None
    except LOADING_ERRORS as error:
        raise RunFailure(
            f"The base model {plan.source} cannot be loaded: {_reason(error)}",
            "Check model.source; a folder needs config.json and *.safetensors.",
        ) from error
    model, report = loaded
    _refuse_missing(plan, report)
    return model


def _refuse_missing(plan: ModelPlan, report: dict[str, Any]) -> None:
    """Transformers fills weights that a file lacks with random numbers; a frozen model has none."""
    missing = sorted(report["missing_keys"]) + sorted(map(str, report.get("mismatched_keys", ())))
    if missing:
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise RunFailure(
            f"The files of the base model {plan.source} lack {len(missing)} weights: {shown}",
            "Use a complete checkpoint of a causal language model.",
        )


def _reason(error: BaseException) -> str:
    if isinstance(error, StrictDataclassError):  # says which check failed; its cause says why
        error = error.__cause__ or error
    return first_line(error)
