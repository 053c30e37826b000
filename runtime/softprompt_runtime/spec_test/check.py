"""What a check is, and how it ends."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, final

from softprompt_plan.vocabulary import CheckStatus
from softprompt_runtime.failure import RunFailure


@final
class CheckFailed(Exception):  # noqa: N818 - what failed is the check; the program did its work
    """What should hold does not. The message is one sentence."""


@final
class CheckSkipped(Exception):  # noqa: N818 - nothing went wrong
    """Nothing can be said. The message is the reason."""


@final
@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """How a check ended. detail: what was seen, what is wrong, or why it was skipped."""

    name: str
    status: CheckStatus
    detail: str


Check: TypeAlias = Callable[[], str]  # what was seen; raises CheckFailed, CheckSkipped, RunFailure


def run_check(name: str, check: Check) -> CheckResult:
    """Run one check. Raises nothing for how it ends; a traceback goes to stderr."""
    try:
        status, detail = CheckStatus.PASSED, check()
    except CheckSkipped as skipped:
        status, detail = CheckStatus.SKIPPED, str(skipped)
    except CheckFailed as failed:
        status, detail = CheckStatus.FAILED, str(failed)
    except RunFailure as failure:
        status, detail = CheckStatus.FAILED, f"{failure.message}. {failure.help or ''}".rstrip()
    except Exception as error:
        traceback.print_exc()
        status, detail = CheckStatus.FAILED, f"{type(error).__name__}: {error}"
    return CheckResult(name=name, status=status, detail=detail)
