"""Complete rows that are in no split: `python -m softprompt_runtime.predict`.

The rows need the fields of the task's template; answers are optional. One prediction for each row,
in order, as JSON lines.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from softprompt_plan.plan import Plan, TaskPlan
from softprompt_plan.serialize import PlanFormatError, from_json
from softprompt_plan.vocabulary import Split
from softprompt_runtime.atomic_write import write_atomically
from softprompt_runtime.base_model import load_base_model
from softprompt_runtime.examples import load_examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.predictions import Prediction, generate_predictions, to_json_lines
from softprompt_runtime.run import Run, open_run
from softprompt_runtime.script import run_script
from softprompt_runtime.soft_prompt import load_soft_prompt
from softprompt_runtime.tokenizer import load_tokenizer


def main(arguments: Sequence[str] | None = None) -> None:
    """Predict as the command line says. Raises RunFailure."""
    options = _parser().parse_args(arguments)
    plan = read_plan(options.plan)
    task = _choose_task(plan, options.task)
    run = open_run(plan, spec_folder=options.spec_folder)
    predictions = predict_file(run, task, options.input)
    if not run.mesh.is_main:
        return
    text = to_json_lines(predictions)
    if options.output is None:
        # Not print: text of any language, and the lines as they are, whatever the locale.
        sys.stdout.buffer.write(text.encode())
        return
    try:
        write_atomically(options.output.absolute(), text.encode())
    except OSError as error:
        raise RunFailure(f"{options.output} cannot be written: {error.strerror}") from None


def predict_file(run: Run, task: TaskPlan, file: Path) -> list[Prediction]:
    """Predictions of the rows of one file, by the soft prompt that the run trained.

    Raises RunFailure if there is no file or no soft prompt, or if a row lacks a field.
    """
    if not file.is_file():
        raise RunFailure(f"There is no file {file}")
    path = str(file.absolute())
    if "${" in path:
        raise RunFailure(f"The path {path} holds `${{`, which names a variable", "Rename it.")
    rows = replace(task.data, test=(path,))
    one_task = replace(run.plan, tasks=(replace(task, data=rows),))
    run = replace(run, plan=one_task)
    tokenizer = load_tokenizer(run)
    test = load_examples(run, tokenizer, Split.TEST)
    base_model = load_base_model(run)
    soft_prompt = load_soft_prompt(run, base_model)
    return generate_predictions(run, base_model, tokenizer, test, soft_prompt=soft_prompt)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m softprompt_runtime.predict", description=__doc__, allow_abbrev=False
    )
    add = parser.add_argument
    add("--plan", type=Path, required=True, help="plan.json of a trained run")
    add("--spec-folder", type=Path, required=True, help="what the plan's paths are relative to")
    add("--input", type=Path, required=True, help="rows: .jsonl, .json or .csv")
    add("--task", help="task of the rows; needed if the plan has several")
    add("--output", type=Path, help="where predictions go; by default standard output")
    return parser


def read_plan(path: Path) -> Plan:
    """The plan of a plan.json. Raises RunFailure."""
    try:
        return from_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunFailure(f"The plan {path} cannot be read: {error.strerror}") from None
    except (PlanFormatError, UnicodeDecodeError) as error:
        help = "Compile the spec again."
        raise RunFailure(f"The plan {path} is not usable: {error}", help) from None


def _choose_task(plan: Plan, wanted: str | None) -> TaskPlan:
    tasks = {task.name: task for task in plan.tasks}
    if wanted is None and len(tasks) == 1:
        return plan.tasks[0]
    if wanted in tasks:
        return tasks[wanted]
    fault = "The plan has several tasks" if wanted is None else f"The plan has no task {wanted!r}"
    raise RunFailure(fault, f"Give --task, one of: {', '.join(tasks)}")


if __name__ == "__main__":
    run_script(main)
