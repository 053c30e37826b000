"""Training, as a script calls it."""

from contextlib import nullcontext

from softprompt_runtime.base_model import BaseModel
from softprompt_runtime.examples import Examples
from softprompt_runtime.prompt_learner import PromptLearner
from softprompt_runtime.run import Run
from softprompt_runtime.run_lock import sole_training


def fit(
    run: Run,
    base_model: BaseModel,
    learner: PromptLearner,
    train: Examples,
    validation: Examples,
) -> None:
    """Train the learner, in place, by the plan. It ends with its best tables by val_loss.

    Without validation rows it ends with the last ones. Rows of tasks that are only kept are left
    out. Goes on from the run's checkpoints as `training.resume` says, and then ends with the very
    tables of a run that was never interrupted (same machine, CPU). A training that has already
    finished is not repeated. The base model is moved to the run's device.

    Raises RunFailure for what the machine or the plan makes impossible and where another process
    trains in the run's folder, RunStopped after a signal at whose coming the state was saved.
    """
    # Lightning takes seconds to import, and who only evaluates does without it.
    from softprompt_runtime.trainer import train_prompts

    with sole_training(run.folder) if run.mesh.is_main else nullcontext():
        train_prompts(run, base_model, learner, train, validation)
