"""What is counted of the rows of one split while they stream by: figures and digests, no text but
the names of columns and labels.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar, final

from softprompt_compiler.data_report import Names, SplitReport, TokenReport
from softprompt_compiler.digest_set import DigestSet
from softprompt_compiler.lengths import Lengths
from softprompt_plan.example import RowLengths
from softprompt_plan.part_lengths import Part
from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.rows import Row, RowFault, RowFaultKind
from softprompt_plan.slots import SLOTS_LINE
from softprompt_plan.vocabulary import InitMethod, Metric, Split

_MOST_NAMES = 1000  # of columns, and of labels; further ones are only counted
_Key = TypeVar("_Key")
LABEL_METRICS = {Metric.ACCURACY, Metric.MACRO_F1}


def has_labels(plan: Plan, task: TaskPlan) -> bool:
    """Whether a metric, or the first values of the virtual tokens, take its answers for labels."""
    is_classes = plan.prompt_learning.init.method is InitMethod.CLASS_LABELS
    is_scored = not LABEL_METRICS.isdisjoint(task.metrics)
    return task.answer_field is not None and (is_scored or is_classes)


@final
class _Names:
    """Counts names, and keeps the first `_MOST_NAMES` of them."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._num_others = 0

    def add(self, name: str) -> None:
        if name in self.counts or len(self.counts) < _MOST_NAMES:
            self.counts[name] += 1
        else:
            self._num_others += 1

    def report(self) -> Names:
        return Names(counts=dict(self.counts), num_others=self._num_others)


@final
class SplitTally:
    """What has been seen of one split of a task.

    has_labels: whether its answers are labels. train: the tally of the train data, which is read
    first; None for itself and where there is none. parts: of the template, as rows are measured;
    None where rows are not measured.
    """

    def __init__(
        self,
        task: TaskPlan,
        split: Split,
        *,
        has_labels: bool,
        train: "SplitTally | None" = None,
        parts: Sequence[Part] | None = None,
    ) -> None:
        self._task = task
        self._split = split
        self._train = train
        self._files: set[Path] = set()
        self._faulty_row: tuple[Path, int] | None = None
        self._num_rows = 0
        self._num_faulty = 0
        self._missing: Counter[str] = Counter()
        self._extra = _Names()
        self._num_empty_answers = 0
        self._num_without_answer = 0
        self._inputs = DigestSet()
        self._rows = DigestSet()
        self._num_trained = 0
        self._num_with_slots = 0
        self._labels = _Names() if has_labels else None
        self._tokens = None if parts is None else _TokenTally(parts)

    def add_fault(self, fault: RowFault) -> None:
        """Count a fault. The faults of one row follow one another, and count as one row."""
        if fault.kind is RowFaultKind.MISSING_FIELD and fault.field is not None:
            self._missing[fault.field] += 1
        if fault.row is not None and (fault.file, fault.row) != self._faulty_row:
            self._faulty_row = (fault.file, fault.row)
            self._num_rows += 1
            self._num_faulty += 1

    def add_row(self, row: Row) -> None:
        """Count a row without fault."""
        self._num_rows += 1
        self._files.add(row.file)
        for name in row.extra:
            self._extra.add(name)
        answer = row.record.get(self._task.answer_field or "")
        if self._task.answer_field is not None:
            self._num_empty_answers += answer == ""
            self._num_without_answer += answer is None
            self._num_with_slots += _has_slots(answer)
        self._compare(row)
        if self._labels is not None and answer is not None:
            self._labels.add(self._label([answer] if isinstance(answer, str) else answer))

    def _compare(self, row: Row) -> None:
        names = sorted(name for name in row.record if name != self._task.answer_field)
        digest = blake2b(digest_size=8)
        digest.update("\0".join(f"{name}\0{row.record[name]}" for name in names).encode())
        inputs = digest.digest()
        self._inputs.add(inputs)
        answer = row.record.get(self._task.answer_field or "", "")
        texts = [answer] if isinstance(answer, str) else answer
        if self._labels is not None:
            texts = [text.strip() for text in texts]  # as metrics read them
        digest.update("\0".join(["", *texts]).encode())
        self._rows.add(digest.digest())
        # Of a file that is in both splits another rule speaks.
        train = self._train
        if train is not None and row.file not in train._files and inputs in train._inputs:
            self._num_trained += 1

    def _label(self, references: Sequence[str]) -> str:
        """What a row with these references counts as: one that is trained, else the first."""
        stripped = [reference.strip() for reference in references]
        trained = self._train._labels.counts if self._train and self._train._labels else {}
        return next((label for label in stripped if label in trained), stripped[0])

    def add_lengths(self, lengths: RowLengths) -> None:
        """Count the tokens of a row without fault."""
        assert self._tokens is not None, "rows are measured only where the parts are known"
        self._tokens.add(lengths)

    def report(self) -> SplitReport:
        """What has been seen so far."""
        num_good = self._num_rows - self._num_faulty
        return SplitReport(
            task=self._task.name,
            split=self._split,
            num_rows=self._num_rows,
            num_faulty=self._num_faulty,
            missing=dict(self._missing),
            extra=self._extra.report(),
            num_empty_answers=self._num_empty_answers,
            num_without_answer=self._num_without_answer,
            num_repeated=num_good - len(self._rows),
            num_contrary=len(self._rows) - len(self._inputs),
            num_trained=None if self._split is Split.TRAIN else self._num_trained,
            labels=None if self._labels is None else self._labels.report(),
            num_with_slots=self._num_with_slots,
            tokens=None if self._tokens is None else self._tokens.report(self._task),
        )


def _has_slots(answer: str | Sequence[str] | None) -> bool:
    texts = [answer] if isinstance(answer, str) else answer or ()
    return any(SLOTS_LINE.search(text) for text in texts)


@final
class _TokenTally:
    """Tokens of the rows of one split."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        self._lengths: list[Counter[int]] = [Counter() for _ in parts]
        self._whole: Counter[int] = Counter()
        self._cut: dict[str, Counter[int]] = {}
        self._num_cut = 0
        self._num_unfit = 0

    def add(self, row: RowLengths) -> None:
        for counts, length in zip(self._lengths, row.parts, strict=True):
            counts[length] += 1
        self._whole[row.num_tokens] += 1
        if row.unfit is not None:
            self._num_unfit += 1
        elif row.cut:
            self._num_cut += 1
            for field, num_tokens in row.cut:
                self._cut.setdefault(field, Counter())[num_tokens] += 1

    def report(self, task: TaskPlan) -> TokenReport:
        cut = {name: self._cut[name] for name in task.truncate_fields if name in self._cut}
        return TokenReport(
            whole=Lengths(counts=self._whole),
            parts=_lengths(dict(zip(self._parts, self._lengths, strict=True))),
            cut=_lengths(cut),
            num_cut=self._num_cut,
            num_unfit=self._num_unfit,
        )


def _lengths(counts: Mapping[_Key, Counter[int]]) -> dict[_Key, Lengths]:
    return {key: Lengths(counts=some) for key, some in counts.items()}
