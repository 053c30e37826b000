"""Exact match and token F1 as SQuAD defines them.

Reference: evaluate-v1.1.py of Rajpurkar et al. 2016, function for function.
"""

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact_match(completion: str, references: Sequence[str]) -> float:
    """1.0 if the normalized completion equals one of the normalized references, else 0.0."""
    found = normalize(completion)
    return float(any(found == normalize(reference) for reference in references))


def f1(completion: str, references: Sequence[str]) -> float:
    """The best token F1 over the references, 0 to 1; tokens are words after normalization."""
    return max(_token_f1(completion, reference) for reference in references)


def normalize(text: str) -> str:
    """Lower case, no ASCII punctuation, no articles, single spaces."""
    text = text.lower().translate(_NO_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def _token_f1(completion: str, reference: str) -> float:
    found, wanted = normalize(completion).split(), normalize(reference).split()
    num_same = (Counter(found) & Counter(wanted)).total()
    if num_same == 0:
        return 0.0  # the script's own rule, also where both are empty
    precision, recall = num_same / len(found), num_same / len(wanted)
    return 2 * precision * recall / (precision + recall)
