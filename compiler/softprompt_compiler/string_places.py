"""Where each character of a string stands in the YAML text that wrote it.

The YAML parser unquotes, unescapes and folds; a diagnostic inside a template needs the way back.
So the string is built a second time, each character with its place, and compared.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

# A character of the string, and the start and end (exclusive) of what wrote it.
_Placed: TypeAlias = tuple[str, int, int]

_SPACE = re.compile(r"[ \t\r\n]+")
_BREAK = re.compile(r"\r\n|\n|\r")
_MAX_INDENT = 64  # tried where a block scalar's header holds a number
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f",
    "r": "\r", "e": "\x1b", " ": " ", '"': '"', "/": "/", "\\": "\\",
    "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip


def string_places(raw: str, text: str, style: str) -> list[tuple[int, int]] | None:
    """For each character of `text`: start and end in `raw`; then the place after the last one.

    raw: the scalar as written, quotes or block header included. style: "plain" or the first
    character of `raw`. None if `raw` does not give `text` by the rules that are followed here.
    """
    for placed in _candidates(raw, style):
        found = "".join(character for character, _, _ in placed)
        longer = text[len(found) :]
        if found.startswith(text) and not found[len(text) :].strip("\n"):
            placed = placed[: len(text)]
        elif not text.startswith(found) or longer.strip("\n"):
            continue
        # Line breaks at the end of a block scalar lie outside its span.
        end = placed[-1][2] if placed else min(1, len(raw))
        return [(start, stop) for _, start, stop in placed] + [(end, end)] * (len(longer) + 1)
    return None


def _candidates(raw: str, style: str) -> Iterator[list[_Placed]]:
    match style:
        case "plain":
            yield list(_flow(raw, 0, len(raw), ""))
        case "'" | '"':
            yield list(_flow(raw, 1, len(raw) - 1, style))
        case _:
            for indent in _indents(raw):
                yield list(_block(raw, indent, folded=style == ">"))


def _flow(raw: str, at: int, end: int, quote: str) -> Iterator[_Placed]:
    """A plain or quoted scalar, whose lines are folded into one."""
    while at < end:
        space = _SPACE.match(raw, at, end)
        if space:
            stop = space.end()
            yield from _folded(raw, at, stop, " ")
        elif quote == "'" and raw[at] == "'":
            stop = at + 2
            yield "'", at, stop
        elif quote == '"' and raw[at] == "\\":
            stop = yield from _escape(raw, at, end)
        else:
            stop = at + 1
            yield raw[at], at, stop
        at = stop


def _folded(raw: str, at: int, stop: int, joint: str) -> Iterator[_Placed]:
    """White space between words: one line break becomes `joint`; of several, all but one stay."""
    num_breaks = len(_BREAK.findall(raw, at, stop))
    if num_breaks == 0:
        yield from ((raw[place], place, place + 1) for place in range(at, stop))
    else:
        yield from ((character, at, stop) for character in "\n" * (num_breaks - 1) or joint)


def _escape(raw: str, at: int, end: int) -> Iterator[_Placed]:
    letter = raw[at + 1 : at + 2]
    if letter in _HEX_DIGITS:
        stop = at + 2 + _HEX_DIGITS[letter]
        yield chr(int(raw[at + 2 : stop], 16)), at, stop
        return stop
    space = _SPACE.match(raw, at + 1, end) if letter in ("\r", "\n") else None
    if space:  # an escaped line break joins the lines without a space
        yield from _folded(raw, at + 1, space.end(), "")
        return space.end()
    yield _ESCAPES.get(letter, letter), at, at + 2
    return at + 2


def _indents(raw: str) -> Iterator[int]:
    """Possible indentations of a block scalar's text."""
    lines = _BREAK.split(raw)[1:]
    indents = [len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")]
    if indents:
        yield indents[0]
    if re.match(r".[-+]?[1-9]", raw):  # the header says how far, counted from the parent
        yield from range(_MAX_INDENT)


def _lines(raw: str, indent: int) -> Iterator[tuple[int, int, int]]:
    """Of each line after the header: start and end of its text, and the next line's text start."""
    header = _BREAK.search(raw)
    at = header.end() if header else len(raw)
    while at < len(raw):
        found = _BREAK.search(raw, at)
        end, following = found.span() if found else (len(raw), len(raw))
        start = at
        while start < min(at + indent, end) and raw[start] == " ":
            start += 1
        yield start, end, following
        at = following


def _block(raw: str, indent: int, *, folded: bool) -> Iterator[_Placed]:
    previous = "\n"  # first character of the last line that is not blank
    breaks: list[_Placed] = []  # since that line
    for start, end, following in _lines(raw, indent):
        if start < end:
            foldable = folded and previous not in "\n \t" and raw[start] not in " \t"
            yield from _fold(breaks) if foldable else breaks
            yield from ((raw[at], at, at + 1) for at in range(start, end))
            previous, breaks = raw[start], []
        breaks.append(("\n", end, following))
    yield from breaks


def _fold(breaks: list[_Placed]) -> list[_Placed]:
    """One line break becomes a space; of several, all but the first stay."""
    return breaks[1:] or [(" ", breaks[0][1], breaks[0][2])]
