"""Trains the soft prompts of one experiment. The base model stays as it is."""

# Compiled by softprompt 0.1.0 from sentiment.yaml.
# Spec sha256 923d186ad97a3deda72853cfaf76eecc967e2d6d063c1e8374124f2032846b2b, plan format 4.
# Do not edit: edit the spec and compile again.

from experiment import EXPERIMENT, SPEC_FOLDER

from softprompt_plan.vocabulary import Split
from softprompt_runtime import (
    create_prompt_learner,
    fit,
    load_base_model,
    load_examples,
    load_tokenizer,
    open_run,
    run_script,
    save_soft_prompt,
)


def main() -> None:
    # The run's folder, its log, and every random generator seeded.
    run = open_run(EXPERIMENT, spec_folder=SPEC_FOLDER)

    # Rows become token ids, with places for the virtual tokens.
    tokenizer = load_tokenizer(run)
    train = load_examples(run, tokenizer, Split.TRAIN)
    validation = load_examples(run, tokenizer, Split.VALIDATION)

    # The frozen model, and the little that is trained in front of it.
    base_model = load_base_model(run)
    learner = create_prompt_learner(run, base_model, tokenizer)

    # Goes on from the last checkpoint where the experiment says so.
    fit(run, base_model, learner, train, validation)

    # One table of virtual tokens a task: all that generation needs.
    save_soft_prompt(run, learner, base_model)


if __name__ == "__main__":
    run_script(main)
