"""Tries a plan's training and generation on a tiny random model, and says what held.

It is handed a plan of few rows, in files of JSON lines, and a folder for all that it writes; `spec
test` makes both. One JSON object a check goes to stdout when the check ends: name, status (passed,
failed, skipped), detail. Everything else goes to stderr.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TextIO, TypeAlias

import torch

from softprompt_plan.plan import Plan
from softprompt_plan.vocabulary import CheckStatus
from softprompt_runtime.predict import read_plan
from softprompt_runtime.run import RUNS_VARIABLE, open_run
from softprompt_runtime.spec_test.check import CheckResult, run_check
from softprompt_runtime.spec_test.generation_checks import check_batch_sizes, check_predictions
from softprompt_runtime.spec_test.resume_check import (
    check_kill_and_resume,
    end,
    start_killed_training,
)
from softprompt_runtime.spec_test.tiny_model import NUM_LAYERS, WIDTH, write_tiny_model
from softprompt_runtime.spec_test.tiny_run import TinyRun, tiny_plan
from softprompt_runtime.spec_test.training_checks import check_saved_prompt, check_training_steps
from softprompt_runtime.tokenizer import load_tokenizer, tokenizer_files

TINY_MODEL = "tiny-model"
KILL_AND_RESUME = "kill-and-resume"
_Check: TypeAlias = Callable[[TinyRun], str]
_BEFORE: dict[str, _Check] = {
    "training-steps": check_training_steps,
    "saved-prompt": check_saved_prompt,
}
_AFTER: dict[str, _Check] = {
    "predictions": check_predictions,
    "batch-sizes": check_batch_sizes,
}
NAMES = (TINY_MODEL, *_BEFORE, KILL_AND_RESUME, *_AFTER)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the checks that the command line names. Raises RunFailure."""
    options = _parser().parse_args(arguments)
    plan = read_plan(options.plan)
    torch.set_num_threads(1)  # tiny tensors gain nothing from more, and a fork is safe
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # for the same reason
    os.environ[RUNS_VARIABLE] = str(options.folder.absolute() / "runs")
    names = options.checks.split(",") if options.checks else NAMES
    with _own_stdout() as stdout:
        for result in results(plan, options.spec_folder, options.folder.absolute(), names):
            stdout.write(json.dumps(asdict(result)) + "\n")
            stdout.flush()


def results(
    plan: Plan, spec_folder: Path, folder: Path, names: Collection[str]
) -> Iterator[CheckResult]:
    """Run the checks of these names, in the order of `NAMES`; each result when it is there.

    The tiny model is always tried, and told of if it is asked for or if it fails: nothing else can
    run then.
    """
    made: list[TinyRun] = []
    first = run_check(TINY_MODEL, lambda: _make(plan, spec_folder, folder, made))
    if TINY_MODEL in names or not made:
        yield first
    for tiny in made:
        yield from _results(tiny, names)
    if not made:
        for name in names:
            if name != TINY_MODEL:
                yield CheckResult(
                    name=name, status=CheckStatus.SKIPPED, detail="there is no tiny model"
                )


def _make(plan: Plan, spec_folder: Path, folder: Path, made: list[TinyRun]) -> str:
    model_folder = folder / "model"
    small = tiny_plan(plan, model_folder)
    run = open_run(plan, spec_folder=spec_folder)
    config = write_tiny_model(tokenizer_files(plan.model, run.spec_folder), model_folder)
    tiny = TinyRun(small, run.spec_folder, load_tokenizer(run))
    path = tiny.base_model.path
    made.append(tiny)
    return (
        f"{config.model_type}, {NUM_LAYERS} layers of width {WIDTH}, {config.vocab_size} tokens, "
        f"runs {path.value}"
    )


def _results(tiny: TinyRun, names: Collection[str]) -> Iterator[CheckResult]:
    process = start_killed_training(tiny) if KILL_AND_RESUME in names else None
    try:
        for name, check in _BEFORE.items():
            if name in names:
                yield run_check(name, partial(check, tiny))
        if KILL_AND_RESUME in names:
            yield run_check(KILL_AND_RESUME, partial(check_kill_and_resume, tiny, process))
        for name, check in _AFTER.items():
            if name in names:
                yield run_check(name, partial(check, tiny))
    finally:
        if process is not None:
            end(process)


@contextmanager
def _own_stdout() -> Generator[TextIO]:
    """Standard output for the results alone: what libraries print goes to stderr meanwhile."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with open(kept, "w", encoding="utf-8", closefd=False) as stdout:
            yield stdout
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m softprompt_runtime.spec_test", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("--plan", type=Path, required=True, help="plan.json of few rows")
    add("--spec-folder", type=Path, required=True, help="what the plan's paths are relative to")
    add("--folder", type=Path, required=True, help="an empty folder for all that is written")
    add("--checks", help=f"names of checks, with commas; by default all: {', '.join(NAMES)}")
    return parser
