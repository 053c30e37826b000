"""A trained soft prompt: one table of virtual tokens a task, and what it is good for.

On disk it is a folder of two files: soft_prompt.safetensors holds a (P, D) float32 table under each
task's name; soft_prompt.json says which templates and which base model the tables belong to. It
needs neither the encoder nor the layout of processes that trained it. Files may come from anywhere:
every size is checked before it is believed.

P virtual tokens of a task, D width of the base model.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast, final

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from softprompt_plan.identity import FIELDS_OF_A_TRAINED_TASK
from softprompt_plan.plan import TaskPlan
from softprompt_plan.vocabulary import PromptStyle, Whitespace
from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import Run

FORMAT = 2  # of the two files
TABLES_FILE = "soft_prompt.safetensors"
META_FILE = "soft_prompt.json"
_LARGEST_META = 16 * 2**20  # bytes
_LARGEST_TABLES = 4 * 2**30  # bytes


@final
@dataclass(frozen=True, kw_only=True)
class SoftPromptTask:
    """What one table was trained for."""

    name: str
    prompt_template: str
    whitespace: Whitespace
    virtual_token_splits: tuple[int, ...]

    @property
    def num_virtual_tokens(self) -> int:
        """P: rows of the table."""
        return sum(self.virtual_token_splits)


@final
@dataclass(frozen=True, kw_only=True)
class SoftPromptMeta:
    """What soft_prompt.json holds, besides its format number and the tables' digest."""

    virtual_prompt_style: PromptStyle
    base_model: str  # the plan's source, for people
    base_model_fingerprint: str
    width: int  # D
    plan_digest: str
    tasks: tuple[SoftPromptTask, ...]


@final
@dataclass(frozen=True, kw_only=True)
class SoftPrompt:
    """Tables by task, (P, D) float32 on the CPU, and what they belong to."""

    tables: Mapping[str, Tensor]
    meta: SoftPromptMeta


def load_soft_prompt(run: Run, base_model: BaseModel) -> SoftPrompt:
    """The soft prompt that this run trained.

    Raises RunFailure if there is none yet, if it was trained for another base model, or if a task
    of the plan is missing in it or had another template.
    """
    folder = run.soft_prompt_folder
    soft_prompt = run.mesh.on_main(lambda: _read_trained(folder))
    require_base_model(soft_prompt, base_model, folder)
    for task in run.plan.tasks:
        require_task(soft_prompt, task, folder)
    return soft_prompt


def _read_trained(folder: Path) -> SoftPrompt:
    if not (folder / META_FILE).is_file():
        raise RunFailure(
            f"There is no trained soft prompt in {folder}",
            "Train it first: spec run SPEC, or the train.py of its scripts.",
        )
    return read_soft_prompt(folder)


def require_base_model(soft_prompt: SoftPrompt, base_model: BaseModel, folder: Path) -> None:
    """Raises RunFailure unless the soft prompt was trained in front of this very model."""
    meta = soft_prompt.meta
    if meta.base_model_fingerprint != base_model.fingerprint:
        raise RunFailure(
            f"The soft prompt in {folder} was trained for another base model ({meta.base_model}); "
            "virtual tokens mean nothing to any other",
            "Use the base model it was trained with, or train again.",
        )
    if meta.width != base_model.width:
        raise _damaged(folder, f"its tables are {meta.width} wide, not {base_model.width}")


def require_task(soft_prompt: SoftPrompt, task: TaskPlan, folder: Path) -> None:
    """Raises RunFailure unless the soft prompt has this task, with the same template and splits."""
    known = {known.name: known for known in soft_prompt.meta.tasks}
    if task.name not in known:
        names = ", ".join(sorted(known))
        raise RunFailure(
            f"The soft prompt in {folder} has no task {task.name!r}; it has: {names}",
            "Train it first, or name the task as it was trained.",
        )
    trained = known[task.name]
    for field in FIELDS_OF_A_TRAINED_TASK:
        before, now = getattr(trained, field), getattr(task, field)
        if before != now:
            raise RunFailure(
                f"Task {task.name!r} was trained with {field}: {_shown(before)}, and the plan "
                f"has {_shown(now)}",
                "Take the one it was trained with, or train again.",
            )


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def write_soft_prompt(folder: Path, soft_prompt: SoftPrompt) -> None:
    """Write both files, each whole or not at all. Same soft prompt, same bytes.

    soft_prompt.json comes last and names the digest of the tables, so a reader never takes new
    tables for old ones. Raises RunFailure where the disk refuses.
    """
    tables = {name: table.contiguous() for name, table in sorted(soft_prompt.tables.items())}
    data = safetensors.torch.save(tables)
    meta = {"format": FORMAT, **asdict(soft_prompt.meta), "tables_sha256": _sha256(data)}
    text = json.dumps(meta, indent=2, ensure_ascii=False) + "\n"
    try:
        write_atomically(folder / TABLES_FILE, data)
        write_atomically(folder / META_FILE, text.encode())
    except OSError as error:
        raise RunFailure(f"The soft prompt cannot be written to {folder}: {error}") from None


def read_soft_prompt(folder: Path) -> SoftPrompt:
    """The soft prompt of a folder; whether it fits a base model is `require_base_model`'s question.

    Raises RunFailure if it is missing, damaged, or of another format.
    """
    meta_text = _read(folder / META_FILE, _LARGEST_META)
    data = _read(folder / TABLES_FILE, _LARGEST_TABLES)
    meta, tables_sha256 = _parse_meta(folder, meta_text)
    if tables_sha256 != _sha256(data):
        raise _damaged(folder, f"{META_FILE} and {TABLES_FILE} do not belong together")
    return SoftPrompt(tables=_parse_tables(folder, data, meta), meta=meta)


def _read(path: Path, largest: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > largest:
            raise _damaged(path.parent, f"{path.name} has {size} bytes")
        return path.read_bytes()
    except OSError as error:
        raise RunFailure(f"The soft prompt's {path} cannot be read: {error.strerror}") from None


def _parse_meta(folder: Path, text: bytes) -> tuple[SoftPromptMeta, str]:
    """The meta data, checked down to the leaves, and the digest of the tables."""
    try:
        value = json.loads(text)
        found = value["format"]
        if found == FORMAT:
            return _meta_of(value), _text(value["tables_sha256"])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _damaged(folder, f"{META_FILE} is not as softprompt writes it ({error!r})") from None
    raise RunFailure(
        f"The soft prompt in {folder} has format {found!r}; this version reads format {FORMAT}",
        "Use the version of softprompt that wrote it, or a newer one.",
    )


def _meta_of(value: dict[str, Any]) -> SoftPromptMeta:
    return SoftPromptMeta(
        virtual_prompt_style=PromptStyle(value["virtual_prompt_style"]),
        base_model=_text(value["base_model"]),
        base_model_fingerprint=_text(value["base_model_fingerprint"]),
        width=_count(value["width"]),
        plan_digest=_text(value["plan_digest"]),
        tasks=tuple(_task_of(task) for task in _list(value["tasks"])),
    )


def _task_of(value: dict[str, Any]) -> SoftPromptTask:
    return SoftPromptTask(
        name=_text(value["name"]),
        prompt_template=_text(value["prompt_template"]),
        whitespace=Whitespace(value["whitespace"]),
        virtual_token_splits=tuple(_count(split) for split in _list(value["virtual_token_splits"])),
    )


def _parse_tables(folder: Path, data: bytes, meta: SoftPromptMeta) -> dict[str, Tensor]:
    try:
        tables = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise _damaged(folder, f"{TABLES_FILE} cannot be read ({error})") from None
    expected = {task.name: (task.num_virtual_tokens, meta.width) for task in meta.tasks}
    found = {name: tuple(table.shape) for name, table in tables.items()}
    if found != expected:
        raise _damaged(folder, f"its tables are {found}, and its tasks say {expected}")
    for name, table in tables.items():
        if table.dtype != torch.float32 or not table.isfinite().all():
            raise _damaged(folder, f"the table of {name!r} is not of finite float32 numbers")
    return tables


def _damaged(folder: Path, why: str) -> RunFailure:
    return RunFailure(f"The soft prompt in {folder} is damaged: {why}", "Train it again.")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r:.80}")
    return value


def _count(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise TypeError(f"expected a positive number, found {value!r:.80}")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r:.80}")
    return cast("list[Any]", value)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
