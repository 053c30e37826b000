"""softprompt's runtime: a plan in; a trained soft prompt, predictions and metrics out.

An emitted script imports the names below and those of softprompt_plan, and nothing else.
"""

try:
    from softprompt_runtime.base_model import BaseModel, load_base_model
    from softprompt_runtime.examples import Examples, load_examples
    from softprompt_runtime.failure import RunFailure
    from softprompt_runtime.predictions import Prediction, generate_predictions, write_predictions
    from softprompt_runtime.prompt_learner import (
        PromptLearner,
        create_prompt_learner,
        save_soft_prompt,
    )
    from softprompt_runtime.report import print_report
    from softprompt_runtime.run import Run, open_run
    from softprompt_runtime.scores import Scores, score
    from softprompt_runtime.script import run_script
    from softprompt_runtime.soft_prompt import SoftPrompt, load_soft_prompt
    from softprompt_runtime.tokenizer import load_tokenizer
    from softprompt_runtime.training import fit
except KeyboardInterrupt:  # torch takes seconds to import, and no script catches it yet
    raise SystemExit(130) from None

__all__ = [
    "BaseModel",
    "Examples",
    "Prediction",
    "PromptLearner",
    "Run",
    "RunFailure",
    "Scores",
    "SoftPrompt",
    "create_prompt_learner",
    "fit",
    "generate_predictions",
    "load_base_model",
    "load_examples",
    "load_soft_prompt",
    "load_tokenizer",
    "open_run",
    "print_report",
    "run_script",
    "save_soft_prompt",
    "score",
    "write_predictions",
]
