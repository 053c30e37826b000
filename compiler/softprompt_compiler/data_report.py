"""What the rows of a spec are like, in figures."""

from collections.abc import Mapping
from dataclasses import dataclass

from softprompt_compiler.diagnostic import Diagnostic, Severity
from softprompt_compiler.finding_log import FindingLog
from softprompt_compiler.lengths import Lengths
from softprompt_plan.part_lengths import Part
from softprompt_plan.vocabulary import Split


@dataclass(frozen=True, kw_only=True)
class Names:
    """How often names occur. num_others: occurrences of names that are too many to be kept."""

    counts: Mapping[str, int]
    num_others: int = 0


@dataclass(frozen=True, kw_only=True)
class TokenReport:
    """The lengths of a split's rows before anything is cut, in tokens.

    A row of the test data is its prompt, without answer and EOS. whole: of the whole rows. parts:
    of each part of the template. cut: truncate field -> the tokens that its rows lose, those that
    lose none left out. num_cut: rows that lose any. num_unfit: rows that cannot be cut to fit.
    """

    whole: Lengths
    parts: Mapping[Part, Lengths]
    cut: Mapping[str, Lengths]
    num_cut: int
    num_unfit: int


@dataclass(frozen=True, kw_only=True)
class SplitReport:
    """The rows of one split of a task. All figures but the first three are of rows without fault.

    num_rows: all rows. num_faulty: those that cannot be read or lack a field. missing: field ->
    rows, or CSV files, that lack it. extra: columns that no field uses. num_without_answer: test
    rows. num_repeated: rows that equal an earlier one in all fields of the template.
    num_contrary: rows, repeated ones aside, that equal an earlier one in all fields but the answer.
    num_trained: rows that equal a row of the train data in all fields but the answer; None for the
    train data. labels: the answers, white space at their ends aside, where a metric takes them for
    labels. num_with_slots: rows whose answer has a line of slots. tokens: None where the tokenizer
    is not here.
    """

    task: str
    split: Split
    num_rows: int
    num_faulty: int
    missing: Mapping[str, int]
    extra: Names
    num_empty_answers: int
    num_without_answer: int
    num_repeated: int
    num_contrary: int
    num_trained: int | None
    labels: Names | None
    num_with_slots: int
    tokens: TokenReport | None

    @property
    def num_usable(self) -> int:
        """Rows that a run can use."""
        num_unfit = self.tokens.num_unfit if self.tokens else 0
        return self.num_rows - self.num_faulty - num_unfit


@dataclass(frozen=True, kw_only=True)
class LimitReport:
    """Rows and `max_seq_length`. A test row needs room for its completion too.

    num_rows: those whose length is known. limit: the spec's. for_all: the smallest that cuts no
    row. for_99_percent: the smallest that cuts at most 1 % of them. num_too_long: those that
    `limit` cuts or leaves out. num_generated: what of `for_all` is for a test row's completion; 0
    where a row of another split is as long. max_positions: the model's, if it says so.
    """

    num_rows: int
    limit: int
    for_all: int
    for_99_percent: int
    num_too_long: int
    num_generated: int
    max_positions: int | None


@dataclass(frozen=True, kw_only=True)
class InitReport:
    """What a task's virtual tokens start from.

    key: `text` or `labels`, of `init`. given: its tokens or labels. wanted: V, virtual tokens. Of
    too many the first are used; too few are repeated.
    """

    task: str
    key: str
    given: int
    wanted: int


@dataclass(frozen=True, kw_only=True)
class DataReport:
    """All rows of a spec.

    num_steps: optimizer steps of the whole run, by the plan. inits: of the tasks whose virtual
    tokens start from words of the spec, where the tokenizer is here. limit: None if no row's length
    is known. diagnostics: with those of rows that are shown to people. findings: those of all rows.
    """

    splits: tuple[SplitReport, ...]
    num_steps: int
    inits: tuple[InitReport, ...]
    limit: LimitReport | None
    diagnostics: tuple[Diagnostic, ...]
    findings: FindingLog

    def num_unlisted(self, severity: Severity) -> int:
        """Findings of rows that are not among `diagnostics`."""
        return self.findings.num_unlisted(severity)
