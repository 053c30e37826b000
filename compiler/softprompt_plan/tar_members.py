"""The members of a tar archive, plain or gzipped, read one header at a time; nothing is extracted.

The archive is untrusted: each header's checksum and each length is checked before it is believed,
and of a gzipped archive no more than its first bytes are inflated. Format: POSIX 1003.1-2001,
pax; GNU's numbers in base 256.
"""

import gzip
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

_BLOCK = 512  # bytes
_MAX_MEMBERS = 100_000
_MAX_PAX = 1 << 16  # bytes of a pax header
_MAX_INFLATED = 256 << 20  # bytes of a gzipped archive that are looked at
_GZIP = b"\x1f\x8b"
_FILE_TYPES = frozenset({b"0", b"\0", b"7"})


class TarError(ValueError):
    """An archive that cannot be read; says why in a clause."""


@dataclass(frozen=True, kw_only=True)
class TarMember:
    """A file in an archive. name: without `./`; offset: of its first byte."""

    name: str
    offset: int
    size: int


@contextmanager
def open_tar(path: Path) -> Generator[BinaryIO]:
    """The archive as a stream of tar blocks. Raises TarError, also for a fault met in the body."""
    try:
        with path.open("rb") as raw:
            if raw.read(2) == _GZIP:
                with gzip.open(path, "rb") as stream:
                    yield cast("BinaryIO", stream)
            else:
                raw.seek(0)
                yield raw
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise TarError("its gzip stream is damaged, or ends too early") from None
    except OSError as error:
        raise TarError(f"it cannot be read: {error.strerror}") from None


def tar_members(stream: BinaryIO) -> Iterator[TarMember]:
    """The files of the archive, in its order. Raises TarError."""
    at, size_in_pax = 0, None
    for _ in range(_MAX_MEMBERS):
        _seek(stream, at)
        header = stream.read(_BLOCK)
        if len(header) < _BLOCK:
            raise TarError("it ends too early; it may be an unfinished download")
        if not header.strip(b"\0"):  # an archive ends in blocks of zeros
            return
        _check_sum(header, is_first=at == 0)
        size, kind = _number(header[124:136]), header[156:157]
        if kind == b"x":
            size_in_pax = _pax_size(stream, size)
        elif kind in _FILE_TYPES:
            size = size if size_in_pax is None else size_in_pax
            yield TarMember(name=_name(header), offset=at + _BLOCK, size=size)
            size_in_pax = None
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
    raise TarError("it has too many members")


def read_member(stream: BinaryIO, member: TarMember, most: int) -> bytes:
    """The bytes of a member. Raises TarError for one of more than `most`, or that is cut off."""
    if member.size > most:
        raise TarError(f"its `{member.name:.80}` is larger than {most:,} bytes")
    _seek(stream, member.offset)
    content = stream.read(member.size)
    if len(content) < member.size:
        raise TarError(f"it ends within `{member.name:.80}`; it may be an unfinished download")
    return content


def _seek(stream: BinaryIO, offset: int) -> None:
    if isinstance(stream, gzip.GzipFile) and offset > _MAX_INFLATED:
        raise TarError(f"its first {_MAX_INFLATED >> 20} MiB do not hold what is looked for")
    if offset >= 1 << 62:
        raise TarError("it is damaged: a length is absurd")
    stream.seek(offset)


def _check_sum(header: bytes, *, is_first: bool) -> None:
    blank = header[:148] + b" " * 8 + header[156:]
    if _number(header[148:156]) != sum(blank):
        raise TarError("it is no tar archive" if is_first else "it is damaged: a header is not one")


def _number(field: bytes) -> int:
    """Octal digits, or base 256 where the first bit is set."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise TarError("it is no tar archive")
    return int(digits, 8)


def _name(header: bytes) -> str:
    name = header[:100].rstrip(b"\0")
    if header[257:263] == b"ustar\0" and header[345] != 0:
        name = header[345:500].rstrip(b"\0") + b"/" + name
    return name.decode(errors="replace").removeprefix("./")


def _pax_size(stream: BinaryIO, size: int) -> int | None:
    """The `size` of a pax header, whose records are `LENGTH KEY=VALUE` lines."""
    if size > _MAX_PAX:
        raise TarError("it is damaged: a pax header is too long")
    for line in stream.read(size).split(b"\n"):
        value = line.partition(b" ")[2]
        if value.startswith(b"size=") and value[5:].isdigit() and len(value) < 25:
            return int(value[5:])
    return None
