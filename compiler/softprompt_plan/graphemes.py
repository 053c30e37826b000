"""Where text may be cut without breaking what a reader sees as one character.

After Unicode Standard Annex 29, with the standard library's tables: combining marks, joiners,
variation selectors, emoji modifiers, flags, Hangul syllables in parts, and CR LF.
"""

import unicodedata

_JOINER = "\u200d"


def is_grapheme_border(text: str, at: int) -> bool:
    """Whether `text` may be cut before character `at`. True at both ends."""
    if at <= 0 or at >= len(text):
        return True
    before, after = text[at - 1], text[at]
    if before < "\u0300" and after < "\u0300":
        return not (before == "\r" and after == "\n")
    if before == _JOINER or _extends(after) or _is_hangul_part(before, after):
        return False
    return not (_is_flag_letter(after) and _flag_letters_before(text, at) % 2)


def _extends(character: str) -> bool:
    """Whether the character belongs to the one before it."""
    return (
        unicodedata.category(character) in ("Mn", "Mc", "Me")
        or character in ("\u200c", _JOINER)
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\U000e0020" <= character <= "\U000e007f"  # tags of regional flags
    )


def _is_hangul_part(before: str, after: str) -> bool:
    """Whether a Hangul syllable goes on: a vowel or final, or what follows a leading consonant."""
    if "\u1160" <= after <= "\u11ff" or "\ud7b0" <= after <= "\ud7fb":
        return True
    leading = "\u1100" <= before <= "\u115f" or "\ua960" <= before <= "\ua97c"
    return leading and ("\u1100" <= after <= "\u115f" or "\uac00" <= after <= "\ud7a3")


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, at: int) -> int:
    start = at
    while start and _is_flag_letter(text[start - 1]):
        start -= 1
    return at - start
