"""A GGUF file as a place that moves through its bytes and never leaves them."""

import mmap
import struct
from collections.abc import Generator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import final

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class GgufFaultKind(StrEnum):
    """Why a GGUF file cannot be used."""

    UNREADABLE = "unreadable"
    NOT_GGUF = "not_gguf"
    VERSION = "version"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    MISSING_KEY = "missing_key"
    UNSUPPORTED = "unsupported"


class GgufError(ValueError):
    """A GGUF file that cannot be used. `detail` is a plain sentence, `help` what to do, or ""."""

    def __init__(self, path: Path, kind: GgufFaultKind, detail: str, help: str = "") -> None:
        super().__init__(f"{path}: {detail}")
        self.path = path
        self.kind = kind
        self.detail = detail
        self.help = help


@contextmanager
def open_cursor(path: Path) -> Generator["Cursor"]:
    """A cursor at the start of the file. Raises GgufError if it cannot be read or is empty."""
    with _mapped(path) as view:
        yield Cursor(view, path)


def _mapped(path: Path) -> mmap.mmap:
    try:
        with path.open("rb") as stream:
            return mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        detail = f"the file cannot be read: {error.strerror}"
        raise GgufError(path, GgufFaultKind.UNREADABLE, detail) from None
    except ValueError:  # mmap's word for an empty file
        detail = "the file is empty"
        raise GgufError(path, GgufFaultKind.NOT_GGUF, detail) from None


@final
class Cursor:
    """A place in the file that never leaves it."""

    def __init__(self, view: mmap.mmap, path: Path) -> None:
        self.view = view
        self.path = path
        self.size = len(view)
        self.at = 0

    def skip(self, num_bytes: int) -> None:
        """Step over `num_bytes`, which the file must still hold."""
        if num_bytes > self.size - self.at:
            raise self.truncated()
        self.at += num_bytes

    def take(self, num_bytes: int) -> bytes:
        """The next `num_bytes`."""
        start = self.at
        self.skip(num_bytes)
        return self.view[start : self.at]

    def u32(self) -> int:
        """The next 32-bit number."""
        return _U32.unpack(self.take(4))[0]

    def u64(self) -> int:
        """The next 64-bit number."""
        return _U64.unpack(self.take(8))[0]

    def text(self) -> str:
        """The next text: its length, then UTF-8."""
        raw = self.take(self.u64())
        try:
            return raw.decode()
        except UnicodeDecodeError:
            raise self.corrupt(f"a text at byte {self.at - len(raw)} is not UTF-8") from None

    def texts(self, count: int, end: int) -> list[str]:
        """The `count` texts that fill the file from here to `end`."""
        raw, at, length_at = self.take(end - self.at), 0, _U64.unpack_from
        found: list[bytes] = []
        try:
            for _ in range(count):
                start = at + 8
                at = start + length_at(raw, at)[0]
                found.append(raw[start:at])
            return [text.decode() for text in found]
        except struct.error:
            raise self.truncated() from None
        except UnicodeDecodeError:
            raise self.corrupt("a text of a list is not UTF-8") from None

    def skip_texts(self, count: int) -> None:
        """Step over `count` texts. A loop of its own: a vocabulary has 100,000 of them."""
        if 8 * count > self.size - self.at:
            raise self.truncated()
        view, at, size, length_at = self.view, self.at, self.size, _U64.unpack_from
        try:
            for _ in range(count):
                at += 8 + length_at(view, at)[0]
                if at > size:
                    raise self.truncated()
        except struct.error:
            raise self.truncated() from None
        self.at = at

    def truncated(self) -> GgufError:
        """The error for a file that ends before what it promises."""
        detail = "the file ends too early; it may be an unfinished download"
        return GgufError(self.path, GgufFaultKind.TRUNCATED, detail)

    def corrupt(self, detail: str) -> GgufError:
        """The error for a file that contradicts itself."""
        return GgufError(self.path, GgufFaultKind.CORRUPT, f"the file is damaged: {detail}")
