"""Looks for a row that breaks a law, and for the smallest such row. Loads Hypothesis."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis.errors import Flaky

from softprompt_compiler.spec_test.row_mutations import Trial, trials
from softprompt_compiler.spec_test.row_sample import TaskSample
from softprompt_plan.plan import Plan
from softprompt_plan.row_laws import RowLaw
from softprompt_plan.tokenization import Tokenizer

_SHRINKING_SECONDS = 10.0
_TEXT_SECONDS = 5.0
# Of Hypothesis's health checks: the user's rows are what they are, and machines may be slow.
_NO_CONCERNS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example)


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A row that breaks a law. sentence: how."""

    law: RowLaw
    trial: Trial
    sentence: str

    @property
    def size(self) -> tuple[int, int]:
        """What is made small: the texts, then the limit."""
        texts = sum(map(len, self.trial.record.values()))
        return texts, self.trial.tightness or 0


class _Broken(Exception):  # noqa: N818 - Hypothesis is told by an exception
    """The law does not hold."""


class _Enough(BaseException):
    """Shrinking has taken its time. No Exception: Hypothesis lets it pass."""


def search(
    law: RowLaw, plan: Plan, sample: TaskSample, tokenizer: Tokenizer, *, examples: int, start: int
) -> Violation | None:
    """The smallest row found that breaks the law; None if none of `examples` does.

    start: the seed. The same seed, rows and version of Hypothesis try the same rows.
    """
    found: list[Violation] = []
    deadline = 0.0

    def try_one(trial: Trial) -> None:
        nonlocal deadline
        violation = broken(law, trial)
        if violation is None:
            return
        deadline = deadline or time.monotonic() + _SHRINKING_SECONDS
        found.append(violation)
        if time.monotonic() > deadline:
            raise _Enough
        raise _Broken

    quiet = settings(
        max_examples=examples,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=_NO_CONCERNS,
        verbosity=Verbosity.quiet,
        report_multiple_bugs=False,
        print_blob=False,
    )
    with suppress(_Broken, _Enough, Flaky):
        seed(start)(quiet(given(trials(plan, sample, tokenizer))(try_one)))()
    return with_shorter_texts(min(found, key=lambda each: each.size)) if found else None


def broken(law: RowLaw, trial: Trial) -> Violation | None:
    """What is wrong with a trial, if anything. An exception while encoding is."""
    try:
        sentence = law.check(trial.case())
    except Exception as error:
        sentence = f"encoding raises {type(error).__name__}: {error}"
    return None if sentence is None else Violation(law=law, trial=trial, sentence=sentence)


def with_shorter_texts(violation: Violation) -> Violation:
    """Pieces of its texts left out, as long as the law stays broken.

    Hypothesis shrinks what it chose; a row of the user's it chooses as a whole.
    """
    deadline = time.monotonic() + _TEXT_SECONDS
    again = True
    while again:
        again = False
        for trial in _shorter(violation.trial):
            if time.monotonic() > deadline:
                return violation
            smaller = broken(violation.law, trial)
            if smaller is not None:
                violation, again = smaller, True
                break
    return violation


def _shorter(trial: Trial) -> Iterator[Trial]:
    """The trial with one piece of one text left out, large pieces first."""
    longest = max(map(len, trial.record.values()), default=0)
    size = longest
    while size:
        for field, text in trial.record.items():
            for at in range(0, len(text), size):
                record = {**trial.record, field: text[:at] + text[at + size :]}
                yield replace(trial, record=record)
        size //= 2
