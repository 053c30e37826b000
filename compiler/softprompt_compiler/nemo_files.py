"""What is read of a NeMo model: its config and the size of its vocabulary, from the archive or from
the folder it was extracted to. Nothing is extracted, and no weight is read.
"""

import json
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast, final

from softprompt_compiler.diagnostic import has_errors
from softprompt_compiler.parse import parse
from softprompt_compiler.source import SourceFile, SourceKind
from softprompt_compiler.tree import plain
from softprompt_plan.tar_members import TarError, TarMember, open_tar, read_member, tar_members

CONFIG = "model_config.yaml"
_MAX_CONFIG = 1 << 17  # bytes; they have a few thousand
_MAX_VOCABULARY = 64 << 20  # bytes


class NemoError(ValueError):
    """A NeMo model that cannot be read; says why in a clause."""


class NemoFiles(Protocol):
    """The files of a NeMo model."""

    def read(self, name: str, most: int) -> bytes | None:
        """The bytes of a file of at most `most` bytes; None if there is none. Raises NemoError."""
        ...


@final
@dataclass(frozen=True)
class _Folder:
    path: Path

    def read(self, name: str, most: int) -> bytes | None:
        """See NemoFiles."""
        try:
            with (self.path / name).open("rb") as file:
                content = file.read(most + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise NemoError(f"{name} cannot be read: {error.strerror}") from None
        if len(content) > most:
            raise NemoError(f"{name} is larger than {most:,} bytes")
        return content


@final
@dataclass(frozen=True)
class _Archive:
    stream: BinaryIO

    def read(self, name: str, most: int) -> bytes | None:
        """See NemoFiles."""
        found = self._find(name)
        return None if found is None else read_member(self.stream, found, most)

    def _find(self, name: str) -> TarMember | None:
        return next((each for each in tar_members(self.stream) if each.name == name), None)


@contextmanager
def open_nemo(path: Path) -> Generator[NemoFiles]:
    """The files of a `.nemo` archive or of its extracted folder. Raises NemoError."""
    if path.is_dir():
        yield _Folder(path)
        return
    try:
        with open_tar(path) as stream:
            yield _Archive(stream)
    except TarError as error:
        raise NemoError(f"the archive cannot be used: {error}") from None


def read_nemo_config(files: NemoFiles) -> dict[str, Any]:
    """The content of model_config.yaml, read as YAML 1.2 without tags. Raises NemoError."""
    raw = files.read(CONFIG, _MAX_CONFIG)
    if raw is None:
        raise NemoError(f"there is no {CONFIG} in it")
    text = raw.decode("utf-8-sig", errors="replace")
    parsed = parse(SourceFile(name=CONFIG, text=text, kind=SourceKind.MODEL))
    if parsed.tree is None or has_errors(parsed.diagnostics):
        reason = parsed.diagnostics[0]
        raise NemoError(f"{CONFIG} cannot be read: line {reason.span.line}: {reason.message}")
    return cast("dict[str, Any]", plain(parsed.tree.root))


def vocabulary_size(files: NemoFiles, tokenizer: Any) -> int | None:
    """How many tokens the tokenizer section's own file has; None if it names none that is here."""
    section = cast("dict[str, Any]", tokenizer) if isinstance(tokenizer, dict) else {}
    vocabulary, model = section.get("vocab_file"), section.get("model")
    if isinstance(vocabulary, str) and (raw := _artifact(files, vocabulary)) is not None:
        return _count_json(raw) if vocabulary.endswith(".json") else len(raw.splitlines())
    if isinstance(model, str) and (raw := _artifact(files, model)) is not None:
        return _count_pieces(raw)
    return None


def _artifact(files: NemoFiles, value: str) -> bytes | None:
    """A file that the config names: `nemo:NAME`, or by an old path whose last part is here."""
    name = Path(value.removeprefix("nemo:")).name
    if not name.isprintable() or not 0 < len(name) < 200 or name == "..":
        return None
    return files.read(name, _MAX_VOCABULARY)


def _count_json(raw: bytes) -> int | None:
    try:
        content: Any = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    return len(cast("dict[str, Any]", content)) if isinstance(content, dict) else None


def _count_pieces(raw: bytes) -> int | None:
    """The pieces of a SentencePiece model: field 1 of its ModelProto, once for each."""
    count, at = 0, 0
    while at < len(raw):
        tag, at = _varint(raw, at)
        length, at = _varint(raw, at)
        if tag & 7 != 2 or length > len(raw) - at:  # all its fields are messages
            return None
        count += tag == 0x0A
        at += length
    return count or None


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """A protocol buffer's number and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(raw):
            return value, at
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
    return value, at
