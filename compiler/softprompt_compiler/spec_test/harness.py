"""Runs the checks of `spec test` in their order."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from softprompt_compiler.data_tokenizer import load_tokenizer
from softprompt_compiler.diagnostic import Diagnostic, has_errors
from softprompt_compiler.pipeline import Checked, check_spec
from softprompt_compiler.resolved import ResolvedSpec
from softprompt_compiler.runtime_install import install_line, missing_packages
from softprompt_compiler.source import SourceFile
from softprompt_compiler.spec_test import check as checks
from softprompt_compiler.spec_test.check import RUNTIME_CHECKS, CheckResult
from softprompt_compiler.spec_test.row_checks import RowTrials, row_checks
from softprompt_compiler.spec_test.row_sample import sample_rows
from softprompt_compiler.spec_test.runtime_half import RuntimeHalf, write_sample
from softprompt_compiler.spec_test.same_bytes import differing_files
from softprompt_compiler.world import LocalWorld
from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import CheckStatus


@dataclass(frozen=True, kw_only=True)
class SpecUnderTest:
    """A spec as it was read, and what of it is to be tested.

    name: as it was given; `-` is standard input. names: of the checks. examples: rows that each law
    is tried on, for each task.
    """

    name: str
    source: SourceFile
    folder: Path
    reading: tuple[Diagnostic, ...]  # faults of reading the file
    settings: Sequence[str]
    names: Sequence[str]
    examples: int
    seed: int


class Harness:
    """One test of one spec. diagnostics: what was found in the spec, once `results` has begun."""

    def __init__(self, spec: SpecUnderTest) -> None:
        self._spec = spec
        self._world = LocalWorld(spec_folder=spec.folder, environment=os.environ)
        self.diagnostics: tuple[Diagnostic, ...] = spec.reading

    def results(self) -> Iterator[CheckResult]:
        """Each check's result when it is there. Everything is written to a temporary folder.

        A spec that is not sound is told of even if that is not asked for, and all else is skipped.
        """
        started = time.monotonic()
        checked = self._checked()
        seconds = time.monotonic() - started
        if checked is None or checked.plan is None or checked.resolved is None:
            yield self._unsound(seconds)
            for name in self._spec.names:
                if name != checks.SPEC:
                    detail = "the spec is not sound"
                    yield CheckResult(
                        name=name, status=CheckStatus.SKIPPED, seconds=0.0, detail=detail
                    )
            return
        if checks.SPEC in self._spec.names:
            yield CheckResult(name=checks.SPEC, status=CheckStatus.PASSED, seconds=seconds)
        with tempfile.TemporaryDirectory(prefix="softprompt-test-") as folder:
            yield from self._of_sound(checked.plan, checked.resolved, Path(folder))

    def _checked(self) -> Checked | None:
        if self._spec.reading:
            return None
        checked = check_spec(self._spec.source, self._spec.settings, self._world, read_data=True)
        self.diagnostics = checked.diagnostics
        return checked

    def _unsound(self, seconds: float) -> CheckResult:
        errors = [found for found in self.diagnostics if has_errors([found])]
        return CheckResult(
            name=checks.SPEC,
            status=CheckStatus.FAILED,
            seconds=seconds,
            detail=f"{len(errors)} error{'s' * (len(errors) > 1)}",
            evidence=tuple(map(_line, errors)),
            place=errors[0].span,
        )

    def _of_sound(self, plan: Plan, resolved: ResolvedSpec, folder: Path) -> Iterator[CheckResult]:
        spec = self._spec
        tokenizer, _ = load_tokenizer(resolved, self._world)
        samples = sample_rows(plan, resolved, tokenizer, spec.seed)
        trials = RowTrials(
            plan=plan,
            resolved=resolved,
            samples=samples,
            tokenizer=tokenizer,
            examples=spec.examples,
            seed=spec.seed,
        )
        # Hypothesis would keep notes in the working folder.
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder / "hypothesis")
        names = [name for name in RUNTIME_CHECKS if name in spec.names]
        missing = missing_packages() if names else []
        with ExitStack() as stack:
            runtime = None
            if names and not missing:
                where = write_sample(plan, samples, folder)
                half = RuntimeHalf(where, spec.folder, folder, names)
                runtime = stack.enter_context(half)
            if checks.SAME_BYTES in spec.names:
                yield self._same_bytes(folder / "compiled")
            yield from row_checks(spec.names, trials)
            if runtime is None:
                yield from _not_installed(names, missing)
            else:
                place = resolved.place("model", "source")
                for result in runtime.results():
                    yield replace(_with_log(result, runtime), place=place)

    def _same_bytes(self, folder: Path) -> CheckResult:
        spec, started = self._spec, time.monotonic()
        try:
            differing, count = differing_files(
                spec.name, spec.settings, folder, stdin=spec.source.text.encode()
            )
        except (OSError, RuntimeError) as error:
            status, detail = CheckStatus.FAILED, str(error)
        else:
            status = CheckStatus.FAILED if differing else CheckStatus.PASSED
            detail = f"these differ: {', '.join(differing)}" if differing else f"{count} files"
        return CheckResult(
            name=checks.SAME_BYTES,
            status=status,
            seconds=time.monotonic() - started,
            detail=detail,
        )


def _with_log(result: CheckResult, runtime: RuntimeHalf) -> CheckResult:
    """A failed check's result, with what the runtime said kept in a file."""
    if result.status is not CheckStatus.FAILED or result.evidence:
        return result
    return replace(result, evidence=(f"what the runtime said: {runtime.kept_log()}",))


def _not_installed(names: Sequence[str], missing: Sequence[str]) -> Iterator[CheckResult]:
    detail = f"not installed: {', '.join(missing)}; {install_line()}"
    for name in names:
        yield CheckResult(
            name=name, status=CheckStatus.SKIPPED, seconds=0.0, detail=detail, incomplete=True
        )


def _line(found: Diagnostic) -> str:
    span = found.span
    return f"{span.source.name}:{span.line}:{span.column}: {found.code}: {found.message}"
