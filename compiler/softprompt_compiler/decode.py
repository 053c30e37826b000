"""Bytes of a file -> source text, or what keeps them from being one."""

import codecs
import re
from functools import cache

from softprompt_compiler.catalogue import text as rules
from softprompt_compiler.diagnostic import Diagnostic
from softprompt_compiler.source import SourceFile

MAX_CHARACTERS = 128 * 1024  # of a spec; most have under 5,000
MAX_BYTES = 4 * MAX_CHARACTERS  # a reader may stop after one byte more

_BYTE_ORDER_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_ASCII_CONTROLS = re.compile(r"[^\t\n\r\x20-\x7e]")
_MAX_REPORTED = 5


def decode(name: str, data: bytes) -> tuple[SourceFile, list[Diagnostic]]:
    """The source of a file's bytes. Where they are not UTF-8, the text is empty."""
    if len(data) > MAX_BYTES:
        source = SourceFile(name=name, text="")
        limit, size = f"{MAX_CHARACTERS:,}", f"over {MAX_BYTES:,} bytes"
        return source, [rules.FILE_TOO_LARGE.at(source.span(0), limit=limit, size=size)]
    encoding = _BYTE_ORDER_MARKS.get(data[:2])
    if encoding:
        source = SourceFile(name=name, text="")
        help_ = f"it looks like {encoding}; save it as UTF-8"
        return source, [rules.NOT_UTF_8.at(source.span(0), help=help_)]
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return SourceFile(name=name, text=data.decode()), []
    except UnicodeDecodeError as error:
        # Bytes that are no text become U+FFFD, so that the place can be shown.
        source = SourceFile(name=name, text=data.decode(errors="replace"))
        start = len(data[: error.start].decode())
        label = f"byte 0x{data[error.start]:02x}"
        found = rules.NOT_UTF_8.at(
            source.span(start, start + 1), label=label, help="save the file as UTF-8"
        )
        return source, [found]


def check_characters(source: SourceFile) -> list[Diagnostic]:
    """What in the text is no character of a spec: control characters, or too much of it."""
    if len(source.text) > MAX_CHARACTERS:
        limit, size = f"{MAX_CHARACTERS:,}", f"{len(source.text):,}"
        return [rules.FILE_TOO_LARGE.at(source.span(0), limit=limit, size=size)]
    found: list[Diagnostic] = []
    controls = _ASCII_CONTROLS if source.text.isascii() else _not_printable()
    for match in controls.finditer(source.text):
        span = source.span(match.start(), match.end())
        escape = _escape(match.group())
        help_ = f'remove it, or write it as {escape} inside "double quotes"' if escape else ()
        character = character_name(match.group())
        found.append(rules.CONTROL_CHARACTER.at(span, character=character, help=help_))
        if len(found) == _MAX_REPORTED:
            break
    return found


@cache
def _not_printable() -> re.Pattern[str]:
    """YAML's printable characters, less the three that YAML 1.1 alone reads as line breaks."""
    # Of this size, a set takes longer to compile than most specs to check.
    return re.compile(
        r"[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
    )


def character_name(character: str) -> str:
    """U+0007, with its Unicode name where it has one."""
    import unicodedata

    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def _escape(character: str) -> str:
    code = ord(character)
    if code == 0 or 0xD800 <= code < 0xE000:
        return ""
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
