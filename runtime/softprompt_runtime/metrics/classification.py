"""Accuracy and macro-F1 of completions read as labels.

A label matches if the whole completion, up to EOS and without white space at its ends, equals it:
case, inner spaces and words after the label count. Reference: scikit-learn's accuracy_score, and
f1_score(average="macro", labels=the references' labels, zero_division=0).

N rows, C labels, R samples of the rows.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from softprompt_runtime.metrics.sample_score import Array, SampleScore


def accuracy(completion: str, references: Sequence[str]) -> float:
    """1.0 if the completion is one of the references, white space at the ends aside, else 0.0."""
    return float(_label(completion, references) == completion.strip())


def macro_f1(completions: Sequence[str], references: Sequence[Sequence[str]]) -> SampleScore:
    """F1 of each label, averaged over the labels that occur among the sample's references.

    A completion that is no such label is a miss of the reference's label and of no other. Where a
    row has several references, the one that the completion equals is its label, else the first.
    """
    found = [completion.strip() for completion in completions]
    pairs = zip(completions, references, strict=True)
    wanted = [_label(completion, several) for completion, several in pairs]
    numbers = {label: number for number, label in enumerate(dict.fromkeys(wanted))}
    none = len(numbers)  # a completion that is no label
    found_N = np.array([numbers.get(text, none) for text in found])
    wanted_N = np.array([numbers[label] for label in wanted])
    both_N = np.where(found_N == wanted_N, wanted_N, none)

    def figures(counts_RN: Array) -> Array:
        both, found, wanted = (
            _by_label(counts_RN, labels_N, none) for labels_N in (both_N, found_N, wanted_N)
        )
        f1_CR = 2 * both / np.maximum(found + wanted, 1)
        return 100 * f1_CR.sum(axis=0, where=wanted > 0) / (wanted > 0).sum(axis=0)

    return SampleScore(num_rows=len(wanted), figures=figures)


def _label(completion: str, references: Sequence[str]) -> str:
    """The reference that the completion is measured by."""
    stripped = [reference.strip() for reference in references]
    return completion.strip() if completion.strip() in stripped else stripped[0]


def _by_label(counts_RN: Array, labels_N: npt.NDArray[np.int64], num_labels: int) -> Array:
    """(C, R): how many rows of each label each sample has. Label number C is no label."""
    sums = np.zeros((num_labels + 1, len(counts_RN)))
    np.add.at(sums, labels_N, counts_RN.T)
    return sums[:num_labels]
