"""GGUF files as Hugging Face folders, converted once and kept in the user's cache."""

import hashlib
import json
import logging
import shutil
import time
import uuid
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import Any

from softprompt_plan.gguf import GgufError, GgufMetadata, read_metadata
from softprompt_plan.gguf_config import gguf_config, hf_tensors
from softprompt_plan.gguf_tokenizer import gguf_tokenizer
from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.cache_folder import CACHE_VARIABLE, cache_folder
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.file_lock import file_lock
from softprompt_runtime.gguf_weights import float32_rows
from softprompt_runtime.safetensors_stream import stream_float32

_VERSION = 1  # raised when the same file is converted differently
_BUILDING = "building-"
_LEFT_OVER = 24 * 3600.0  # seconds after which an unfinished conversion's folder is litter
_LOG = logging.getLogger("softprompt")


def converted_folder(gguf_path: Path) -> Path:
    """The Hugging Face folder (float32) of a GGUF file's model, converted if that is not done yet.

    It lies in `$SOFTPROMPT_CACHE`, `$XDG_CACHE_HOME/softprompt` or `~/.cache/softprompt`, by the
    sha256 of the file's content, and is there as a whole or not at all, also if several processes
    ask at once. Raises RunFailure for a file that cannot be converted, or a cache that is full.
    """
    try:
        folder = cache_folder() / f"gguf-v{_VERSION}-{_sha256(gguf_path)}"
        if not folder.is_dir():
            # One conversion at a time, where files can be locked.
            with file_lock(folder.with_suffix(".lock"), wait=True):
                if not folder.is_dir():  # another process may have been faster
                    _convert(gguf_path, folder)
        return folder
    except GgufError as error:
        message = f"The model {gguf_path} cannot be converted: {error.detail}"
        raise RunFailure(message, _sentence(error.help)) from None
    except OSError as error:
        message = f"The model {gguf_path} cannot be converted: {error}"
        help = f"Set {CACHE_VARIABLE} to a folder with room for the converted model."
        raise RunFailure(message, help) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _convert(gguf_path: Path, folder: Path) -> None:
    started = time.monotonic()
    metadata = read_metadata(gguf_path)
    config = gguf_config(metadata)
    _refuse_too_little_room(folder.parent, config)
    _remove_litter(folder.parent)
    building = folder.parent / f"{_BUILDING}{uuid.uuid4().hex}"
    building.mkdir()
    try:
        _write_folder(metadata, config, building)
        _put_in_place(building, folder)
    finally:
        shutil.rmtree(building, ignore_errors=True)
    _LOG.info("converted %s in %.1f s", gguf_path, time.monotonic() - started)


def _put_in_place(building: Path, folder: Path) -> None:
    try:
        building.rename(folder)
    except OSError:  # a folder with files in it is never replaced: another process was faster
        if not folder.is_dir():
            raise


def write_tokenizer(metadata: GgufMetadata, config: dict[str, Any], folder: Path) -> None:
    """Write the tokenizer's files, and what generation is to know of it. Raises GgufError."""
    tokenizer = gguf_tokenizer(metadata)
    ids = {key: config[key] for key in config if key.endswith("_token_id")}
    tokens = {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    named = {key.removesuffix("_id"): tokens[id] for key, id in ids.items() if id in tokens}
    files = {
        "generation_config.json": ids,
        "tokenizer.json": tokenizer,
        "tokenizer_config.json": named | {"tokenizer_class": "PreTrainedTokenizerFast"},
    }
    for name, content in files.items():
        _write_json(folder / name, content)


def _write_json(path: Path, content: dict[str, Any]) -> None:
    write_atomically(path, json.dumps(content, ensure_ascii=False).encode())


def _write_folder(metadata: GgufMetadata, config: dict[str, Any], folder: Path) -> None:
    write_tokenizer(metadata, config, folder)
    _write_json(folder / "config.json", config | {"dtype": "float32"})
    targets = hf_tensors(config)
    sources = {target.name: name for name, target in targets.items()}
    stream_float32(
        folder / "model.safetensors",
        {target.name: target.shape for target in targets.values()},
        lambda name: float32_rows(metadata, sources[name], targets[sources[name]]),
    )


def _refuse_too_little_room(folder: Path, config: dict[str, Any]) -> None:
    needed = sum(4 * prod(target.shape) for target in hf_tensors(config).values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        message = f"The converted model needs {needed / 2**30:.1f} GiB in {folder}"
        help = f"There are {free / 2**30:.1f} GiB. Set {CACHE_VARIABLE} to a folder with more room."
        raise RunFailure(message, help)


def _remove_litter(cache: Path) -> None:
    """Folders of conversions that were killed."""
    for folder in cache.glob(f"{_BUILDING}*"):
        with suppress(OSError):
            if time.time() - folder.stat().st_mtime > _LEFT_OVER:
                shutil.rmtree(folder, ignore_errors=True)


def _sentence(text: str) -> str | None:
    return f"{text[:1].upper()}{text[1:]}." if text else None
