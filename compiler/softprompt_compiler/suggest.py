"""Did you mean ...?"""

from collections.abc import Iterable, Sequence

_LEAST_LIKENESS = 0.6  # of difflib's ratio, 0 to 1


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely a slip of; None if none is near."""
    from difflib import get_close_matches  # only a spec that is at fault pays for it

    by_plain = {_plain(candidate): candidate for candidate in sorted(known, reverse=True)}
    found = get_close_matches(_plain(word), by_plain, n=1, cutoff=_LEAST_LIKENESS)
    return by_plain[found[0]] if found else None


def nearest_choice(word: str, choices: Sequence[str]) -> str | None:
    """The first choice that goes on from the word, as `bf16-mixed` does, else the nearest one."""
    longer = (choice for choice in choices if choice.startswith(f"{word}-"))
    return next(longer, None) or nearest(word, choices)


def is_respelling(word: str, known: str) -> bool:
    """Whether the two differ in capitals, hyphens and underscores only."""
    return _plain(word) == _plain(known)


def did_you_mean(word: str, known: Iterable[str]) -> tuple[str, ...]:
    """A help line with the nearest known word; empty if none is near."""
    found = nearest(word, known)
    return () if found is None else (f"did you mean `{found}`?",)


def _plain(word: str) -> str:
    return word.lower().replace("-", "_")
