"""Source text on a terminal: every character visible, harmless, and of known width."""

import unicodedata
from dataclasses import dataclass

_TAB = "    "
_CONTROL_PICTURES = 0x2400  # of U+0000; those of the other C0 controls follow
_WIDE = {"W", "F"}
_ZERO_WIDTH = {"Mn", "Me"}
# Cc controls, Cf invisible or direction-changing, Cs surrogates, Co private, Cn unassigned,
# Zl and Zp line breaks: raw, they could move the cursor or reorder what a reviewer sees.
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One character as it is shown, and the terminal columns that it takes."""

    shown: str
    width: int


def cell(character: str) -> Cell:
    """How a source character is shown."""
    if " " <= character <= "~":
        return Cell(shown=character, width=1)
    if character == "\t":
        return Cell(shown=_TAB, width=len(_TAB))
    category = unicodedata.category(character)
    if category in _HIDDEN or character == "\xa0":
        shown = _visible(character)
        return Cell(shown=shown, width=len(shown))
    if category in _ZERO_WIDTH:
        return Cell(shown=character, width=0)
    width = 2 if unicodedata.east_asian_width(character) in _WIDE else 1
    return Cell(shown=character, width=width)


def safe(text: str) -> str:
    """`text` with every control or invisible character made visible; line breaks too."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(cell(character).shown for character in text)


def _visible(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    return f"<U+{code:04X}>"
