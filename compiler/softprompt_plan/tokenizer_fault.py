"""The error for a folder or file without a tokenizer that can be read."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Any, cast


class TokenizerFaultKind(StrEnum):
    """Why there is no tokenizer."""

    NONE_THERE = "none_there"
    UNSUPPORTED = "unsupported"
    BROKEN = "broken"


class TokenizerError(ValueError):
    """No tokenizer can be read. `detail` is a plain sentence, `help` what to do, or ""."""

    def __init__(self, path: Path, kind: TokenizerFaultKind, detail: str, help: str = "") -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.kind = kind
        self.detail = detail
        self.help = help


def read_json(file: Path) -> Any:
    """The file's JSON. Raises TokenizerError if it cannot be read or is none."""
    text = read_text(file)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "it cannot be read"
        detail = f"{file.name} is not JSON: {reason}"
        raise TokenizerError(file, TokenizerFaultKind.BROKEN, detail) from None


def read_json_object(file: Path) -> dict[str, Any]:
    """The file's JSON object, or an empty one where there is no file. Raises TokenizerError."""
    if not file.is_file():
        return {}
    value: Any = read_json(file)
    if not isinstance(value, dict):
        detail = f"{file.name} is no JSON object"
        raise TokenizerError(file, TokenizerFaultKind.BROKEN, detail)
    return cast("dict[str, Any]", value)


def read_text(file: Path) -> str:
    """The file's text. Raises TokenizerError if it cannot be read or is not UTF-8."""
    try:
        return file.read_bytes().decode()
    except OSError as error:
        detail = f"{file.name} cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        detail = f"{file.name} is not UTF-8"
    raise TokenizerError(file, TokenizerFaultKind.BROKEN, detail)
