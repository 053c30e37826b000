"""The laws of rows, one check each."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.runtime_install import install_line
from softprompt_compiler.spec_test.check import CheckResult
from softprompt_compiler.spec_test.row_sample import TaskSample
from softprompt_plan.example import Tokenizer, Unfit
from softprompt_plan.plan import Plan
from softprompt_plan.row_case import RowCase
from softprompt_plan.row_laws import ROW_LAWS, RowLaw
from softprompt_plan.vocabulary import CheckStatus

_MOST_IDS = 200  # shown
_WHOSE_FAULT = (
    "The laws hold whatever a spec and its rows say, so this is no fault of yours: it is a bug of "
    "softprompt, or a tokenizer that it reads wrongly. Please report it with this row."
)


@dataclass(frozen=True, kw_only=True)
class RowTrials:
    """What the laws are tried on. examples: rows for each law and task."""

    plan: Plan
    resolved: ResolvedSpec
    samples: Sequence[TaskSample]
    tokenizer: Tokenizer | None
    examples: int
    seed: int


def row_checks(names: Sequence[str], trials: RowTrials) -> Iterator[CheckResult]:
    """The results of the laws of these names, in order, each when it is there."""
    laws = [law for law in ROW_LAWS if law.name in names]
    reason = _cannot_run(trials)
    for law in laws:
        if reason is not None:
            yield CheckResult(
                name=law.name,
                status=CheckStatus.SKIPPED,
                seconds=0.0,
                detail=reason,
                incomplete=True,
            )
        else:
            yield _try_law(law, trials)


def _cannot_run(trials: RowTrials) -> str | None:
    if find_spec("hypothesis") is None:
        return f"the package hypothesis is not installed: {install_line()}"
    if trials.tokenizer is None:
        return "the base model's tokenizer is not on this machine"
    return None


def _try_law(law: RowLaw, trials: RowTrials) -> CheckResult:
    from softprompt_compiler.spec_test.row_search import search

    assert trials.tokenizer is not None
    started, tried = time.monotonic(), 0
    for sample in trials.samples:
        if not sample.records:
            continue
        tried += 1
        violation = search(
            law,
            trials.plan,
            sample,
            trials.tokenizer,
            examples=trials.examples,
            start=trials.seed,
        )
        if violation is not None:
            name = sample.task.name
            return CheckResult(
                name=law.name,
                status=CheckStatus.FAILED,
                seconds=time.monotonic() - started,
                detail=f"task {name}: {violation.sentence}",
                evidence=tuple(_evidence(violation.trial.record, violation.trial.case)),
                place=trials.resolved.place("tasks", name, "prompt_template"),
            )
    seconds = time.monotonic() - started
    if not tried:
        detail = "none of the rows can be made to fit"
        return CheckResult(
            name=law.name, status=CheckStatus.SKIPPED, seconds=seconds, detail=detail
        )
    return CheckResult(name=law.name, status=CheckStatus.PASSED, seconds=seconds)


def _evidence(record: dict[str, str], make_case: Callable[[], RowCase]) -> Iterator[str]:
    yield f"row: {json.dumps(record, ensure_ascii=False)}"
    try:
        case = make_case()
        result = case.encode()
    except Exception as error:  # the row's fault may be this very one
        yield f"encoding raises {type(error).__name__}: {error}"
    else:
        yield f"limit: {case.limit} tokens"
        yield _refusal(result) if isinstance(result, Unfit) else f"ids: {_ids(result.input_ids)}"
        if not isinstance(result, Unfit) and result.cut:
            yield "cut: " + ", ".join(f"{name} by {count} tokens" for name, count in result.cut)
    yield _WHOSE_FAULT


def _refusal(unfit: Unfit) -> str:
    return f"refused: {unfit.num_tokens} tokens, at least {unfit.min_tokens} when cut"


def _ids(ids: Sequence[int]) -> str:
    """Token ids; virtual token k is -1-k."""
    shown = " ".join(map(str, ids[:_MOST_IDS]))
    return shown if len(ids) <= _MOST_IDS else f"{shown} ... {len(ids)} in all"
