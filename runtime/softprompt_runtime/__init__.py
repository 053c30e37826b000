"""softprompt's runtime: a plan in; a trained soft prompt, predictions and metrics out."""

from softprompt_runtime.examples import Examples, load_examples
from softprompt_runtime.failure import RunFailure
from softprompt_runtime.prompt_learner import create_prompt_learner, save_soft_prompt
from softprompt_runtime.run import Run, open_run
from softprompt_runtime.script import run_script
from softprompt_runtime.soft_prompt import SoftPrompt, load_soft_prompt
from softprompt_runtime.tokenizer import load_tokenizer
from softprompt_runtime.training import fit

__all__ = [
    "Examples",
    "Run",
    "RunFailure",
    "SoftPrompt",
    "create_prompt_learner",
    "fit",
    "load_examples",
    "load_soft_prompt",
    "load_tokenizer",
    "open_run",
    "run_script",
    "save_soft_prompt",
]
