"""The tokenizer of a run: the base model's own, reading every text as plain text."""

import os
import shutil
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from softprompt_plan.gguf import GgufError, read_metadata
from softprompt_plan.gguf_config import gguf_config
from softprompt_plan.model_source import Located, NotFoundKind, locate_model
from softprompt_plan.paths import expand
from softprompt_plan.plan import ModelPlan
from softprompt_plan.tokenization import FastTokenizer
from softprompt_plan.tokenizer_file import TokenizerError, TokenizerFile, read_tokenizer
from softprompt_plan.vocabulary import ModelSourceKind
from softprompt_runtime.failure import RunFailure, first_line
from softprompt_runtime.gguf_conversion import write_tokenizer
from softprompt_runtime.run import Run

_TOKENIZER_FILES = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
]


def load_tokenizer(run: Run) -> FastTokenizer:
    """The tokenizer of the run's base model.

    It reads no text as a special token and adds no BOS or EOS; it decodes special tokens by name.
    Files of a hub id that this machine lacks are fetched. Raises RunFailure.
    """
    where = tokenizer_files(run.plan.model, run.spec_folder)
    try:
        return tokenizer_of(read_tokenizer(where))
    except TokenizerError as error:
        message = f"The base model {run.plan.model.source} has no usable tokenizer: {error.detail}"
        raise RunFailure(message, _sentence(error.help)) from None


def tokenizer_of(file: TokenizerFile) -> FastTokenizer:
    """The tokenizer of tokenizer.json texts. Raises RunFailure if the library refuses them."""
    try:
        backend, decoder = (
            Tokenizer.from_str(file.encode_json),
            Tokenizer.from_str(file.decode_json),
        )
    except Exception as error:  # the library raises nothing narrower
        raise RunFailure(f"The base model's tokenizer.json cannot be used: {error}") from None
    return FastTokenizer(backend, file.bos_id, file.eos_id, decoder, file.digest)


def tokenizer_files(plan: ModelPlan, spec_folder: Path) -> Path:
    """The folder or GGUF file of the model's tokenizer and config; a hub id's are fetched.

    Raises RunFailure.
    """
    found = locate_model(plan.source, spec_folder, os.environ, plan.revision)
    if isinstance(found, Located):
        of_hub = found.kind is ModelSourceKind.HUB
        # the cache may hold only the weights
        return _fetch(plan) if of_hub and not _has_tokenizer(found.path) else found.path
    if found.kind is NotFoundKind.HUB:
        return _fetch(plan)
    near = f"Did you mean {found.suggestions[0]}?" if found.suggestions else "Check model.source."
    raise RunFailure(f"The base model cannot be found: {found.reason}", near)


def copy_tokenizer(source: Path, folder: Path) -> None:
    """Write the files of a tokenizer into a folder with another model's config.

    source: what `tokenizer_files` gives. Raises RunFailure, or OSError where the disk refuses.
    """
    if source.is_dir():
        for name in _TOKENIZER_FILES:
            if name != "config.json" and (source / name).is_file():
                shutil.copyfile(source / name, folder / name)
        return
    try:
        metadata = read_metadata(source)
        write_tokenizer(metadata, gguf_config(metadata), folder)
    except GgufError as error:
        raise RunFailure(f"The model {source} cannot be read: {error.detail}") from None


def _has_tokenizer(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("tokenizer.json", "vocab.json"))


def _fetch(plan: ModelPlan) -> Path:
    from huggingface_hub import snapshot_download  # only a hub id pays for it
    from huggingface_hub.errors import HfHubHTTPError

    try:
        hub_id = expand(plan.source, os.environ)
        options: dict[str, Any] = {"allow_patterns": _TOKENIZER_FILES}
        return Path(snapshot_download(hub_id, revision=plan.revision, **options))
    except (OSError, ValueError, HfHubHTTPError) as error:
        message = f"The tokenizer of {plan.source} cannot be fetched: {first_line(error)}"
        help = "Check model.source and the network, or name a folder that holds the model."
        raise RunFailure(message, help) from None


def _sentence(text: str) -> str | None:
    return f"{text[:1].upper()}{text[1:]}." if text else None
