"""The checks of `spec test`, by name, and how one ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from softprompt_compiler.source import Span
from softprompt_plan.row_laws import ROW_LAWS
from softprompt_plan.vocabulary import CheckStatus

SPEC = "spec"
SAME_BYTES = "same-bytes"

# Name -> what it promises, in the order in which they are run.
COMPILER_CHECKS = {
    SPEC: "the spec and its rows are sound",
    SAME_BYTES: "two processes compile it to the same bytes",
    **{law.name: law.statement for law in ROW_LAWS},
}
RUNTIME_CHECKS = {
    "tiny-model": "a tiny random model of the base model's family runs",
    "training-steps": "two steps move the prompt, and nothing else",
    "saved-prompt": "a saved prompt gives the same logits",
    "kill-and-resume": "a killed training ends with the same bits",
    "predictions": "each test row has one prediction, in order",
    "batch-sizes": "completions do not depend on the batch size",
}
CHECKS = {**COMPILER_CHECKS, **RUNTIME_CHECKS}


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How a check ended.

    detail: one line: what was seen, what is wrong, or why it was skipped. evidence: more lines on a
    failure. place: what of the spec it is about. incomplete: it was skipped for want of something
    that could be there, so that nobody may take the spec for tested.
    """

    name: str
    status: CheckStatus
    seconds: float  # wall clock
    detail: str = ""
    evidence: tuple[str, ...] = ()
    place: Span | None = None
    incomplete: bool = False

    @property
    def statement(self) -> str:
        """What the check promises."""
        return CHECKS[self.name]


class UnknownCheckError(ValueError):
    """A pattern that fits no check. `pattern` is as it was given."""

    def __init__(self, pattern: str) -> None:
        super().__init__(f"no check is named {pattern}")
        self.pattern = pattern


def chosen(only: Sequence[str], skip: Sequence[str], *, compiler_only: bool) -> tuple[str, ...]:
    """The names of the checks to run, in order. Patterns may hold `*`.

    Raises UnknownCheckError.
    """
    for pattern in (*only, *skip):
        if not any(fnmatchcase(name, pattern) for name in CHECKS):
            raise UnknownCheckError(pattern)
    names = COMPILER_CHECKS if compiler_only else CHECKS
    return tuple(
        name
        for name in names
        if (not only or any(fnmatchcase(name, pattern) for pattern in only))
        and not any(fnmatchcase(name, pattern) for pattern in skip)
    )
