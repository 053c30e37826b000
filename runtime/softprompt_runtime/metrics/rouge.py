"""ROUGE-L: Lin 2004, by Google's rouge-score package, with its defaults (no stemmer)."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any


def rouge_l(completion: str, references: Sequence[str]) -> float:
    """The best F-measure of the longest common subsequence over the references, 0 to 1."""
    return float(_scorer()(list(references), completion)["rougeL"].fmeasure)


@cache
def _scorer() -> Callable[[list[str], str], Any]:
    # Imported late: it brings nltk, which takes a second, and only this metric needs it.
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"]).score_multi
