"""softprompt's runtime: a plan in; a trained soft prompt, predictions and metrics out."""

from softprompt_runtime.failure import RunFailure
from softprompt_runtime.run import Run, open_run
from softprompt_runtime.script import run_script

__all__ = ["Run", "RunFailure", "open_run", "run_script"]
