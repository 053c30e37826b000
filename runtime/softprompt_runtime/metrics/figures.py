"""The metrics of a task by name."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from softprompt_plan.vocabulary import Metric
from softprompt_runtime.metrics.classification import accuracy, macro_f1
from softprompt_runtime.metrics.exact_match_f1 import exact_match, f1
from softprompt_runtime.metrics.rouge import rouge_l
from softprompt_runtime.metrics.sample_score import SampleScore, mean_of
from softprompt_runtime.metrics.slots import intent_accuracy, intent_of, slot_f1, slots_of

INTENT_ACCURACY = "intent_accuracy"  # comes with slot_f1 where the references name intents

_OfRow: TypeAlias = Callable[[str, Sequence[str]], float]
_OfRows: TypeAlias = Callable[[Sequence[str], Sequence[Sequence[str]]], SampleScore]

_MEANS: Mapping[Metric, _OfRow] = MappingProxyType(
    {
        Metric.EXACT_MATCH: exact_match,
        Metric.F1: f1,
        Metric.ACCURACY: accuracy,
        Metric.ROUGE_L: rouge_l,
    }
)
_WHOLES: Mapping[Metric, _OfRows] = MappingProxyType(
    {Metric.MACRO_F1: macro_f1, Metric.SLOT_F1: slot_f1}
)


@dataclass(frozen=True, kw_only=True)
class References:
    """The answers of N rows, each row's own: one or several, and at least one row."""

    rows: tuple[tuple[str, ...], ...]

    def score(self, name: str, completions: Sequence[str]) -> SampleScore:
        """The metric of this name over the N completions."""
        if name == INTENT_ACCURACY:
            return mean_of(self._each(intent_accuracy, completions))
        metric = Metric(name)
        if metric in _WHOLES:
            return _WHOLES[metric](completions, self.rows)
        return mean_of(self._each(_MEANS[metric], completions))

    def metric_names(self, metrics: Sequence[Metric]) -> list[str]:
        """Names of the metrics that these references can measure, in order."""
        names: list[str] = []
        for metric in metrics:
            if metric is not Metric.SLOT_F1:
                names.append(metric.value)
            elif self.name_slots:
                names.append(metric.value)
                names += [INTENT_ACCURACY] if self._any(intent_of) else []
        return names

    @property
    def name_slots(self) -> bool:
        """Whether any reference has the form that slot_f1 reads."""
        return self._any(slots_of)

    def _any(self, read: Callable[[str], object | None]) -> bool:
        return any(read(reference) is not None for row in self.rows for reference in row)

    def _each(self, metric: _OfRow, completions: Sequence[str]) -> list[float]:
        return [metric(text, row) for text, row in zip(completions, self.rows, strict=True)]
