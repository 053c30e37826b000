"""Generates completions of the test rows, with and without soft prompts, and scores both."""

# Compiled by softprompt 0.1.0 from quickstart.yaml.
# Spec sha256 1f711c01fd96a7232fbda207bb2046418e43eca8873e069655c5bb53f34e9f55, plan format 4.
# Do not edit: edit the spec and compile again.

from experiment import EXPERIMENT, SPEC_FOLDER

from softprompt_plan.vocabulary import Split
from softprompt_runtime import (
    generate_predictions,
    load_base_model,
    load_examples,
    load_soft_prompt,
    load_tokenizer,
    open_run,
    print_report,
    run_script,
    score,
    write_predictions,
)


def main() -> None:
    # The run's folder, its log, and every random generator seeded.
    run = open_run(EXPERIMENT, spec_folder=SPEC_FOLDER)

    # Test rows without their answers: what the model is to continue.
    tokenizer = load_tokenizer(run)
    test = load_examples(run, tokenizer, Split.TEST)

    # The frozen model, and the soft prompts trained for it.
    base_model = load_base_model(run)
    soft_prompt = load_soft_prompt(run, base_model)

    # The baseline: the same rows and the same text, without virtual tokens.
    untuned = generate_predictions(run, base_model, tokenizer, test, soft_prompt=None)

    # The same with virtual tokens; one prediction a row, in order.
    tuned = generate_predictions(run, base_model, tokenizer, test, soft_prompt=soft_prompt)
    write_predictions(run, tuned)

    # What the soft prompts gained.
    scores = score(run, tuned=tuned, untuned=untuned)
    print_report(run, scores)


if __name__ == "__main__":
    run_script(main)
