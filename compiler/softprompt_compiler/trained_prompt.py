"""A trained soft prompt that the spec builds on, as far as its JSON tells."""

import json
from dataclasses import dataclass
from typing import Any

from softprompt_compiler.catalogue import world as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.source import Span
from softprompt_compiler.world import World
from softprompt_plan.paths import UnsetVariableError
from softprompt_plan.vocabulary import Whitespace

_FILE = "soft_prompt.json"
_MOST_BYTES = 16 * 2**20
_FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class TrainedTask:
    """A task of a trained soft prompt."""

    prompt_template: str
    whitespace: Whitespace
    virtual_token_splits: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class TrainedPrompt:
    """The tasks of a trained soft prompt by name, and the base model that they are for.

    base_model: as its spec named it; None, like width, where the file does not say.
    """

    tasks: dict[str, TrainedTask]
    base_model: str | None
    width: int | None  # D


def read_trained_prompt(text: str, span: Span, world: World) -> TrainedPrompt | Diagnostic:
    """The soft prompt in a folder, or what is wrong with it."""
    try:
        folder = world.path(text)
    except UnsetVariableError as error:
        hint = f"set it, or write a default: `${{{error.name}:-runs}}`"
        return rules.UNSET_VARIABLE.at(span, variable=error.name, help=hint)
    if not world.is_file(folder / _FILE):
        hint = (
            "name the `soft_prompt` folder of a run that has ended, such as `runs/NAME/soft_prompt`"
        )
        return rules.SOFT_PROMPT_NOT_FOUND.at(span, path=text, help=hint)
    try:
        return _parse(world.read(folder / _FILE, _MOST_BYTES))
    except OSError as error:
        reason = f"{_FILE} cannot be read: {error.strerror}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        reason = f"{_FILE} is not as this version writes it"
    return rules.SOFT_PROMPT_UNREADABLE.at(span, path=text, reason=reason, help="train it again")


def _parse(data: bytes) -> TrainedPrompt:
    """Raises ValueError, TypeError, KeyError or AttributeError for anything unexpected."""
    value = json.loads(data)
    if value["format"] != _FORMAT:
        raise ValueError(value["format"])
    base_model, width = value.get("base_model"), value.get("width")
    if not isinstance(base_model, str | None) or not (width is None or type(width) is int):
        raise TypeError(base_model, width)
    return TrainedPrompt(
        tasks={task["name"]: _task(task) for task in value["tasks"]},
        base_model=base_model,
        width=width,
    )


def _task(value: Any) -> TrainedTask:
    splits = tuple(value["virtual_token_splits"])
    if not all(type(split) is int and split > 0 for split in splits):
        raise ValueError(splits)
    return TrainedTask(
        prompt_template=str(value["prompt_template"]),
        whitespace=Whitespace(value["whitespace"]),
        virtual_token_splits=splits,
    )
