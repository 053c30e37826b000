r"""Intent and slots of a text such as "Intent: alarm_set\nSlots: time(six am), date(tomorrow)".

Reference: micro F1 over exact (slot, value) pairs, the measure of slot filling since CoNLL-2000's
chunking task (Tjong Kim Sang and Buchholz 2000, section 3.4), here over a multiset of pairs as the
text has no positions. `Slots: None` is no pair.

N rows, K = 3 numbers a row, R samples of the rows.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from softprompt_plan.slots import SLOTS_LINE
from softprompt_runtime.metrics.sample_score import Array, SampleScore

_INTENT = re.compile(r"^[^\S\n]*Intent:([^\n]*)", re.MULTILINE)
_PAIR = re.compile(r"([^\s,()]+)\(((?:[^()]|\([^()]*\))*)\)")


def intent_of(text: str) -> str | None:
    """What stands after the first `Intent:` at the start of a line; None if there is none."""
    match = _INTENT.search(text)
    return None if match is None else match.group(1).strip()


def slots_of(text: str) -> Counter[tuple[str, str]] | None:
    """The (slot, value) pairs after the first `Slots:` that starts a line; None without one."""
    match = SLOTS_LINE.search(text)
    if match is None:
        return None
    return Counter((slot, value.strip()) for slot, value in _PAIR.findall(match.group(1)))


def intent_accuracy(completion: str, references: Sequence[str]) -> float:
    """1.0 if the completion's intent is one of the references' intents, else 0.0."""
    found = intent_of(completion)
    return float(found is not None and found in map(intent_of, references))


def slot_f1(completions: Sequence[str], references: Sequence[Sequence[str]]) -> SampleScore:
    """Micro F1 over all rows' pairs. Where a row has several references, the closest counts.

    A sample in which nobody names a slot, as is right, has 100 percent.
    """
    pairs = zip(completions, references, strict=True)
    rows = [_closest(completion, several) for completion, several in pairs]
    rows_NK = np.array(rows, dtype=np.float64)

    def figures(counts_RN: Array) -> Array:
        both, found, wanted = (counts_RN @ rows_NK).T
        total = found + wanted
        return 100 * np.where(total == 0, 1.0, 2 * both / np.maximum(total, 1))

    return SampleScore(num_rows=len(rows), figures=figures)


def _closest(completion: str, references: Sequence[str]) -> tuple[int, int, int]:
    """(pairs of both, of the completion, of the reference) for the reference with the best F1."""
    found = slots_of(completion) or Counter()
    counts: list[tuple[int, int, int]] = []
    for reference in references:
        wanted = slots_of(reference) or Counter()
        counts.append(((found & wanted).total(), found.total(), wanted.total()))
    return max(counts, key=lambda count: _f1(*count))


def _f1(both: int, found: int, wanted: int) -> float:
    return 2 * both / (found + wanted) if found + wanted else 1.0
